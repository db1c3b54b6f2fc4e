local funcs = require("funcs")

return { main = function(parent) return funcs.call("app:child_func_acts", "sleeps", parent) end }
