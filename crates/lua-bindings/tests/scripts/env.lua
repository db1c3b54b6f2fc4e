--= value
--= 
--= nil	NotFound	variable not found: name	false
--= nil	NotFound	variable not found: PATH	false
--= nil	Invalid	variable name cannot be empty	false
--= NotFound
--= true
--= other
--= true
--= true
--= nil	PermissionDenied	not allowed to set _FIXED, app:env	false
--= nil	NotFound	variable not found: OTHER	false
--= nil	Invalid	variable name cannot be empty	false
--= nil	Invalid	payload too large	false
--= true
--= EMPTY=2 NAME=1000 _FIXED=8	1000
--= bad argument #1 to 'get' (string expected, got no value)
--= bad argument #1 to 'get' (string expected, got table)
--= bad argument #2 to 'set' (string expected, got no value)
--= bad argument #2 to 'set' (string expected, got nil)
--= bad argument #2 to 'set' (string expected, got boolean)
--= bad argument #1 to 'set' (string expected, got table)
--= bad argument #1 to 'get' (text is not UTF-8)
--= true	true
--@variable NAME=value
--@variable EMPTY=
--@variable _FIXED=for ever
--@max_payload_bytes 1000
local env = require("env")
local function show(value, err)
    if err then return print(value, err:kind(), err:message(), err:retryable()) end
    print(value)
end
show(env.get("NAME"))
show(env.get("EMPTY"))
show(env.get("name"))
show(env.get("PATH"))
show(env.get(""))
print((select(2, env.get("NAME\0"))):kind())
show(env.set("NAME", "other"))
show(env.get("NAME"))
show(env.set("EMPTY", "a\0\255") and env.get("EMPTY") == "a\0\255")
show(env.set("EMPTY", 12))
show(env.set("_FIXED", "x"))
show(env.set("OTHER", "x"))
show(env.set("", "x"))
show(env.set("NAME", string.rep("x", 1001)))
show(env.set("NAME", string.rep("x", 1000)))
local all = env.get_all()
local names = {}
for name, value in all do table.insert(names, name .. "=" .. #value) end
table.sort(names)
all.NAME = nil
print(table.concat(names, " "), env.get_all() ~= all and #env.get_all().NAME)
local function raises(f, ...) return (select(2, pcall(f, ...))) end
print(raises(env.get)) print(raises(env.get, {})) print(raises(env.set, "NAME")) print(raises(env.set, "NAME", nil)) print(raises(env.set, "NAME", true)) print(raises(env.set, {}, "x"))
print(raises(env.get, "\255"))
print(#select(2, env.get(string.rep("x", 1e6))):message() > 1e6, env.get_all(1, 2, 3) ~= nil)
