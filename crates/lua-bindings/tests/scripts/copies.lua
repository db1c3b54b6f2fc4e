--= nil	true	-inf
--= 1, 2, 3	true
--= true	true	true	true	key	1	2	3	4	true
--= 1	nil	3	6	100
--= true	21
--= 1	2	true	true
--= false	2
--= 1	nil	nil	0
--= nil	nil	nil	nil
--= nil
--= nil	cannot send a function
--= m	Conflict	true	1	true	nil
--= in a table	true	nil	nil
--= 1m30s
--= false	Invalid: cannot send a function
--= false	Invalid: cannot send a function
--= false	Invalid: cannot send a function
--= false	Invalid: cannot send a coroutine
--= false	Invalid: cannot send a function
--= false	Invalid: payload too large
--= true	99990
--= false	Invalid: payload too large
--= false	Invalid: payload too large
--= false	Invalid: payload too large
--= true	table
--= false	Invalid: cannot send more than 200 nested tables
--= false	Invalid: cannot send more than 200 nested tables
--= true
--= true	true	true
--= cannot send a function	payload too large
--= cannot send a function	nil
--= 1
--= true

--@max_payload_bytes 100000
local time = require("time")
local me = process.pid()
local inbox = process.inbox()
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
local function copy(value)
    local sent, failed = process.send(me, "copy", value)
    if not sent then return failed end
    return inbox:receive().payload
end
-- plain values
for _, v in { true, false, 0, -1.5, 2 ^ 53, 1 / 0, "", "a\0b\255" } do assert(copy(v) == v) end
print(copy(nil), copy(0 / 0) ~= copy(0 / 0), 1 / copy(-0))
print(copy(vector.create(1, 2, 3)), buffer.tostring(copy(buffer.fromstring("a\0b"))) == "a\0b")
-- tables
local shared = { 1 }
local t = { shared, { shared }, k = shared, [shared] = "key", [true] = 1, [1.5] = 2, [-1] = 3, [vector.one] = 4 }
t.self = t
local c = copy(t)
print(c ~= t, c.self == c, c[1] == c.k, c[2][1] == c.k, c[c.k], c[true], c[1.5], c[-1], c[vector.one], c[1] ~= shared)
local holes = copy({ 1, nil, 3, nil, nil, 6, [100] = 100 })
print(holes[1], holes[2], holes[3], holes[6], holes[100])
local backwards = {}
for i = 20, 1, -1 do backwards[i] = { i } end
backwards[21] = backwards[3]
c = copy(backwards)
for i = 1, 20 do assert(c[i][1] == i) end
print(c[21] == c[3], #c)
local mixed = { a = shared, 1, b = { shared }, 2, shared }
c = copy(mixed)
print(c[1], c[2], c[3] == c.a, c.b[1] == c.a)
local frozen = copy(table.freeze({ 1 }))
frozen[1] = 2
print(table.isfrozen(frozen), frozen[1])
local calls = 0
local meta = { __index = function() calls += 1 return calls end, __iter = function() calls += 1 end, __len = function() calls += 1 return 3 end }
c = copy(setmetatable({ x = 1 }, meta))
print(c.x, c.y, getmetatable(c), calls)
-- host objects
print(copy(channel.new()), copy(inbox), copy({ a = 1, b = channel.new() }).b, next(copy({ [channel.new()] = 1 })))
print(next(copy({ [channel.new()] = 1 })))
process.send(me, "m", 1)
print(copy(inbox:receive()), copy(time))
local e = copy(errors.new({ message = "m", kind = errors.CONFLICT, retryable = true, details = { a = { 1 } } }))
print(e, e:kind(), e:retryable(), e:details().a[1], #e:stack() > 0, errors.call_stack(e).frames[1])
e = copy({ errors.new("in a table") })[1]
print(e, e:kind() == errors.UNKNOWN, e:retryable(), e:details())
print(tostring(copy(time.parse_duration("1m30s"))))
-- refused
print(err(process.send(me, "x", print)))
print(err(process.send(me, "x", { { print } })))
print(err(process.send(me, "x", { [print] = 1 })))
print(err(process.send(me, "x", coroutine.running())))
print(err(process.send(me, "x", 1, 2, print)))
print(err(process.send(me, "x", string.rep("x", 100001))))
print(err(process.send(me, "x", string.rep("x", 99990))), #inbox:receive().payload)
print(err(process.send(me, "x", table.create(0), string.rep("x", 60000), string.rep("y", 60000))))
local many = {}
for i = 1, 10000 do many[i] = i end
print(err(process.send(me, "x", many)))
print(err(process.send(me, "x", buffer.create(100001))))
local function nest(depth)
    local inner = {}
    for _ = 2, depth do inner = { inner } end
    return inner
end
print(err(process.send(me, "x", nest(200))), type(inbox:receive().payload))
print(err(process.send(me, "x", nest(201))))
print(err(process.send(me, "x", { [nest(200)] = 1 })))
local cycle = {}
cycle[1] = cycle
c = copy(cycle)
print(c[1] == c)
-- arguments and results
local function call(...)
    local pid, failed = process.spawn_monitored("app:child_acts", "app:processes", ...)
    if not pid then return failed end
    return process.events():receive().result
end
c = call("value", { shared, shared }).value
print(c[1] == c[2], c[1] ~= shared, call("value", "\0\255").value == "\0\255")
print(call("value", print), call("value", string.rep("x", 100001)))
print(call("returns_function").error, call("returns_channel").value)
-- what is received is one's own
local sent = { list = { 1 } }
process.send(me, "x", sent)
sent.list[1] = "changed"
print(inbox:receive().payload.list[1])
-- inside one process nothing is copied
local ch = channel.new(1)
ch:send(print)
print(ch:receive() == print)
