--= true	function	false
--= volume(app:data)	userdata
--= NotFound false volume not found: app:nowhere
--= Invalid false volume id is required
--= true
--= 8	true	true
--= true	true
--= true	12
--= NotFound false could not read `missing`: not found
--= Unavailable true could not write `full`: no space left
--= true	AlreadyExists false could not make the folder `sub`: already exists
--= true	true	true	false
--= a.txt	file	false
--= n.txt	file	false
--= sub	directory	true
--= 1	b
--= Invalid false could not list `a.txt`: not a folder
--= Invalid false could not read `sub`: is a folder
--= Invalid false could not remove `sub`: folder is not empty
--= true	true	NotFound false could not remove `sub`: not found
--= 2	file	false	1.5
--= directory	true
--= other	0	nil
--= PermissionDenied false could not open `../a.txt`: path leaves the volume
--= Invalid false path is required
--= Invalid false path contains a NUL byte
--= 246
--= NotFound false could not read `�`: not found
--= nil	nil	3
local fs = require("fs")
print(fs == require("fs"), type(fs.get), (pcall(function() fs.get = nil end)))
local vol = fs.get("app:data")
print(vol, type(vol))
local function show(value, err)
    if err then
        return string.format("%s %s %s", err:kind(), tostring(err:retryable()), err:message())
    end
    return value
end

-- Getting one
print(show(fs.get("app:nowhere")))
print(show(fs.get("")))

-- Files as a whole
print(vol:writefile("a.txt", "one\0two\255"))
print(#vol:readfile("a.txt"), vol:readfile("a.txt") == "one\0two\255", vol:readfile("/a.txt") == vol:readfile("a.txt"))
print(vol:writefile("a.txt", ""), vol:readfile("a.txt") == "")
print(vol:writefile("n.txt", 12), vol:readfile("n.txt"))
print(show(vol:readfile("missing")))
print(show(vol:writefile("full", "x")))

-- Folders
print(vol:mkdir("sub"), show(vol:mkdir("sub")))
print(vol:writefile("sub/b", "x"), vol:exists("sub"), vol:exists("sub/b"), vol:exists("sub/c"))
for _, item in vol:readdir("/") do
    print(item.name, item.type, item.is_dir)
end
print(#vol:readdir("sub"), vol:readdir("sub")[1].name)
print(show(vol:readdir("a.txt")))
print(show(vol:readfile("sub")))
print(show(vol:remove("sub")))
print(vol:remove("sub/b"), vol:remove("sub"), show(vol:remove("sub")))

-- What is known about them
local info = vol:stat("n.txt")
print(info.size, info.type, info.is_dir, info.modified)
info = vol:stat("/")
print(info.type, info.is_dir)
info = vol:stat("opened")
print(info.type, info.size, info.modified)

-- Paths
print(show(vol:open("../a.txt")))
print(show(vol:readfile("")))
print(show(vol:exists("a\0b")))
print(string.len(show(vol:readfile(string.rep("x", 100000)))))
print(show(vol:readfile("\255")))

-- Streams and volumes are for one process
local pid = process.spawn_monitored("app:child_acts", "app:processes", "value", { vol, vol:open("a.txt"), 3 })
local result = process.events():receive().result
print(result.value[1], result.value[2], result.value[3])
