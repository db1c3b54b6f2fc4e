--= false	stack overflow
--= false	stack overflow
--= false	stack overflow
--= false	stack overflow
--= false	stack overflow
--= false
--= 1
--= false
--= false
--= true	nil
--= true	((((((((((
--= false	false
--= 2	true
--= false
--= 2	false
--= false
--= 2	true
--= false
--= 2	true
--= false
--= 2	true
--= false
--= 2	true
--= false
--= 1
--= true	nil
--= false	attempt to yield across metamethod/C-call boundary
--= false	table
--= string	nil	true
--= false	select needs at least one case
--= false	select needs at least one case
--= true
--= false	no
--= false	option 1 is not supported
--= 2	true
--= true	true
--= 2	true
--= true
--= true
--= false
--= true	table
--= false	false	normal
--= false	cannot close normal coroutine
--= false	cannot resume dead coroutine
--= false	cannot resume running coroutine
--= true	
--= false	true	false
--= false	false
--= true
--= alive
local time = require("time")
local function kind(f, ...)
    local ok, e = pcall(f, ...)
    return ok, type(e) == "string" and (string.match(e, "stack overflow") or string.match(e, "not enough memory") or string.match(e, "C stack overflow") or string.gsub(e, "^.-%.lua:%d+: ", "")) or type(e)
end
-- deep recursion of all kinds
local function recurse() return 1 + recurse() end
print(kind(recurse))
local t
t = setmetatable({}, { __index = function(_, k) return t[k + 1] end })
print(kind(function() return t[1] end))
t = setmetatable({}, { __concat = function(a) return t .. "x" end })
print(kind(function() return t .. "x" end))
t = setmetatable({}, { __tostring = function() return tostring(t) end })
print(kind(tostring, t))
print(kind(print, t))
t = setmetatable({}, { __call = function(self) return self() end })
local function wraps(n) if n == 150 then error("deep", 0) end return coroutine.wrap(function() return wraps(n + 1) end)() end
print((kind(wraps, 1)))
local function pcalls(n) local ok, v = pcall(pcalls, n + 1) return n end
print(pcalls(1))
local function sorts() table.sort({ 1, 2 }, function() sorts() return true end) end
print((kind(sorts)))
local function gsubs() return (string.gsub("x", "x", gsubs)) end
print((kind(gsubs)))
local function spawns(n) if n < 1000 then coroutine.spawn(spawns, n + 1) end end
print(kind(spawns, 1))
print(kind(string.rep, "(", 10))
print((kind(string.find, "x", string.rep("(", 1000))), (kind(string.find, string.rep("x", 300000), string.rep("x?", 300000))))
-- errors of odd types
for _, e in { false, 1, {}, print, coroutine.create(print), setmetatable({}, { __tostring = function() error("again") end }) } do
    print(select("#", pcall(error, e)), select(2, pcall(error, e)) == e)
    print((xpcall(error, function() error(e) end, e)))
end
print(kind(print, setmetatable({}, { __tostring = function() return 1 end })))
print(kind(print, setmetatable({}, { __tostring = function() time.sleep("1ms") return "x" end })))
print(kind(print, setmetatable({}, { __tostring = error })))
-- results that print oddly
local host = "app:processes"
local function run(...) process.spawn_monitored("app:child_acts", host, ...) return process.events():receive().result end
print(type(tostring(run("value", {}))), run("raises_nil"), run("raises_boolean"))
-- a table full of holes as cases, messages and options
local sparse = { [1e6] = channel.new():case_receive(), [-1] = 1, [0.5] = 2 }
print(kind(channel.select, sparse))
print(kind(channel.select, setmetatable({}, { __index = function() error("asked") end, __len = function() return 5 end })))
print(channel.select(sparse, true).default)
print(kind(process.set_options, { [setmetatable({}, { __tostring = function() error("no") end })] = 1 }))
print(process.set_options({ [1] = 1 }))
-- unlisten while a coroutine waits inside receive
local topic = process.listen("t")
local woken = channel.new(1)
coroutine.spawn(function() woken:send(select("#", topic:receive())) end)
process.unlisten(topic)
print(woken:receive())
process.send(process.pid(), "t", 1)
topic = process.listen("t")
coroutine.spawn(function() local r = channel.select({ topic:case_receive() }) woken:send(r.ok) end)
print(woken:receive())
-- mail is granted and taken by another before its turn
process.send(process.pid(), "t", 2)
coroutine.spawn(function() woken:send(topic:receive()) end)
print(woken:receive())
coroutine.spawn(function() woken:send({ topic:receive() }) end)
process.send(process.pid(), "t", 3)
coroutine.yield()
process.unlisten(topic)
print(woken:receive()[2] ~= nil)
-- garbage while others wait
local weak = setmetatable({}, { __mode = "kv", __gc = function() error("never") end })
for i = 1, 200 do
    weak[i] = coroutine.wrap(function() while true do coroutine.yield(i) end end)
    weak[i]()
    weak[channel.new(1)] = process.listen("x" .. i)
    process.unlisten(process.listen("x" .. i))
    local abandoned = channel.new()
    coroutine.spawn(function() channel.select({ abandoned:case_receive(), time.after("1ms"):case_receive() }) end)
end
local churn = {}
for i = 1, 20000 do churn[i % 100] = { i, tostring(i) } end
time.sleep("5ms")
-- many that wait for mail, and a little of it
local inbox, served = process.inbox(), 0
for i = 1, 2000 do
    coroutine.spawn(function()
        if i % 2 == 0 then inbox:receive() else channel.select({ inbox:case_receive() }) end
        served += 1
    end)
end
for _ = 1, 100 do process.send(process.pid(), "one") end
while served < 100 do coroutine.yield() end
print(served >= 100)
-- a channel that is closed inside a select on it
local a = channel.new()
coroutine.spawn(function() a:close() a:close() end)
print(channel.select({ a:case_receive(), a:case_receive() }).ok)
a = channel.new()
coroutine.spawn(function() print(kind(channel.select, { a:case_send(1), a:case_receive() })) end)
a:close()
coroutine.yield()
-- waiting coroutines cannot be touched
local held = coroutine.create(function() return channel.new():receive() end)
coroutine.spawn(function() coroutine.resume(held) end)
print(coroutine.resume(held), (pcall(coroutine.close, held)), coroutine.status(held))
print(kind(coroutine.wrap(function() coroutine.wrap(coroutine.close)(coroutine.running()) end)))
local dead = coroutine.wrap(function() end)
dead()
print(kind(dead))
local self
self = coroutine.wrap(function() return self() end)
print(kind(self))
print(kind(table.concat, setmetatable({}, { __len = function() return 2 ^ 31 end })))
print((kind(table.unpack, {}, 1, 1e7)), (kind(table.move, {}, 1, 2 ^ 53, 2)), (kind(select, -2 ^ 31)))
print((kind(string.char, unpack(table.create(0), 1, 5000))), (kind(string.format, string.rep("%s", 300))))
print((kind(coroutine.spawn, function() end, unpack({}, 1, 7000))))
print("alive")
