--= getfenv	nil
--= setfenv	nil
--= newproxy	nil
--= gcinfo	nil
--= debug	nil
--= io	nil
--= load	nil
--= loadstring	nil
--= loadfile	nil
--= dofile	nil
--= package	nil
--= collectgarbage	nil
--= module	nil
--= jit	nil
--= warn	nil
--= shared	nil
--= script	nil
--= task	nil
--= integer	nil
--= class	nil
--= char charpattern clock clock close codepoint codes create date date difftime difftime isyieldable len offset platform platform resume running spawn status time time wrap yield
--= false	false	false	module '/etc/passwd' not found
--= false	invalid argument #1 to 'clone' (table has a protected metatable)
--= 1	false
--= string	environment	userdata	userdata	userdata
--= channel.case	nil	nil	nil	nil
--= false	false	false	invalid argument #1 to 'setmetatable' (table expected, got userdata)
--= true	nil	nil	true	_G
--= 1	1
--= 2	3
--= 1	X
--= mine	mine
--= my upper	X
--= 5	true
--= true	print is back
--= 1
--= false	true
--= function
--= true	1
--= nil	true
--= mine	yes	false	replaced
--= 1	nil	table	table
--= nil	1	2	3
--@modules time logger base64 env hash json uuid
-- names that lead out
for _, name in {
    "getfenv", "setfenv", "newproxy", "gcinfo", "debug", "io", "load", "loadstring", "loadfile", "dofile", "package",
    "collectgarbage", "module", "jit", "warn", "shared", "script", "task", "integer", "class",
} do print(name, _G[name]) end
for name in { a = 1 } do assert(name == "a") end
local names = {}
for _, library in { "coroutine", "os", "buffer", "utf8" } do
    for name in pairs(require(library == "buffer" and "os" or library)) do table.insert(names, name) end
end
table.sort(names)
print(table.concat(names, " "))
print(pcall(require, "isolation"), pcall(require, "./isolation"), pcall(require, "/etc/passwd"))
-- shared tables cannot be changed
local shared = { string, table, math, os, bit32, buffer, utf8, coroutine, vector, process, channel, errors, process.event, process.registry, payload, payload.format, require("time"), require("base64"), require("env"), require("hash"), require("json"), require("uuid") }
for i, t in shared do
    assert(not pcall(function() t.leak = 1 end), i)
    assert(not pcall(rawset, t, "leak", 1), i)
    assert(not pcall(setmetatable, t, {}), i)
    assert(not pcall(table.insert, t, 1), i)
    assert(not pcall(table.clear, t), i)
    assert(not pcall(table.sort, t), i)
    assert(not pcall(table.sort, t, function() return false end), i)
    assert(not pcall(table.move, { 1 }, 1, 1, 1, t), i)
    local meta = getmetatable(t)
    assert(meta == nil or type(meta) == "string", i)
    assert(t.leak == nil)
end
print(pcall(table.clone, string))
local copy = table.clone(math)
copy.floor = "mine"
print(math.floor(1.5), table.isfrozen(copy))
-- metatables are no way out
print(getmetatable(""), getmetatable(_G), getmetatable(process.inbox()), getmetatable(errors.new("x")), getmetatable(require("logger")))
print(getmetatable(channel.new():case_receive()), getmetatable(print), getmetatable(1), getmetatable(nil), getmetatable(coroutine.running()))
print(pcall(setmetatable, _G, {}), pcall(setmetatable, "", {}), pcall(setmetatable, process.inbox(), {}))
for _, object in { process.inbox(), errors.new("x"), require("logger"), require("time").now(), payload.new({}), payload.new(1) } do
    assert(not pcall(function() object.x = 1 end) and not pcall(rawset, object, 1, 1) and not pcall(rawget, object, 1))
end
-- one's own globals
print(_G._G == _G, _G.x, rawget(_G, "print"), rawget(_G, "_G") == _G, (next(_G)))
x = 1
print(_G.x, rawget(_G, "x"))
_G.y = 2
rawset(_G, "z", 3)
print(y, z)
local function floor() return math.floor(1.5) end
local function upper() return string.upper("x") end
local function pick() return print end
print(floor(), upper())
math = { floor = function() return "mine" end }
print(floor(), math.floor(1.5))
_G.string = { upper = function() return "my upper" end }
print(upper(), ("x"):upper())
rawset(_G, "print", 5)
local show = rawget(_G, "print")
rawset(_G, "print", nil)
print(show, pick() == print)
print = nil
print(pick() == print, "print is back")
math = nil
print(floor())
table = false
print(table, pcall(function() return table.concat end) == false)
table = nil
print(type(table.concat))
_G.pcall = nil
print(pcall(floor))
local saved = _G
_G = nil
print(_G, saved.print == print)
_G = saved
-- nobody else sees them
process.send(process.pid(), "go")
local pid = process.spawn_monitored("app:child_acts", "app:processes", "sets_globals", process.pid())
local inbox = process.inbox()
inbox:receive()
local p = inbox:receive().payload
print(p[1], p[2], p[3], p[4])
print(math.floor(1.5), leaked, type(string), type(table))
process.terminate(pid)
process.events():receive()
process.spawn_monitored("app:child_acts", "app:processes", "value", leaked)
print(process.events():receive().result, x, y, z)
