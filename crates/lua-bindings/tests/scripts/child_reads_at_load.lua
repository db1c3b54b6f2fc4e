require("fs").get("app:data"):readfile("a")
return { main = function() end }
