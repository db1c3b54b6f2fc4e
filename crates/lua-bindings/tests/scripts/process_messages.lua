--= a	a	true	nil	true	true	nil
--= a	a	true	nil	true	true	nil
--= a	a	true	boolean	true	true	false
--= b	b	true	table	true	true	3
--= same	true	true	nil
--= c	c	true	table	true	true	2
--= same	true	true	nil
--= boolean	true	true
--= userdata	1	nil	false	process_messages.lua:75: attempt to call missing method 'nothing' of process.Message
--= false	process_messages.lua:76: attempt to index userdata with 'x'
--= userdata
--= listen	true	false	1	3
--= inbox	2
--= true
--= switched	raw	t	true
--= still	still
--= unlisten	true
--= again	false	NotFound: not a listen channel	false
--= closed	nil	false
--= back 1	back 2	back 3
--= new	true
--= T ~= t	true
--= false	Invalid: cannot unlisten inbox or events	false
--= false	Invalid: cannot unlisten inbox or events	false
--= false	NotFound: not a listen channel	false
--= false	false	bad argument #1 to 'unlisten' (channel expected, got number)
--= false	cannot send on a subscription channel
--= false	cannot send on a subscription channel
--= false	cannot send on a subscription channel
--= false	cannot send on a subscription channel
--= false	cannot send on a subscription channel
--= false	cannot send on a subscription channel
--= woken	nil	false
--= woken	false	true	nil
--= nil	Invalid: listen requires a topic argument	false
--= nil	Invalid: topic cannot be empty	false
--= nil	Invalid: cannot listen to @ topics	false
--= false	false	bad argument #2 to 'listen' (table expected, got number)
--= true
--= false	Invalid: send requires at least destination and topic arguments	false
--= false	Invalid: send requires at least destination and topic arguments	false
--= false	Invalid: send requires at least destination and topic arguments	false
--= false	Invalid: send requires at least destination and topic arguments	false
--= false	Invalid: cannot send to @ topics	false
--= false	Invalid: topic cannot be empty	false
--= false	NotFound: could not resolve 'nobody' as PID or registered name	false
--= false	NotFound: could not resolve '' as PID or registered name	false
--= false	NotFound: host not found	false
--= false	NotFound: process {app:processes|0xfffff} not found	false
--= false	Invalid: cannot send a function	false
--= false	Invalid: cannot send a coroutine	false
--= false	false	bad argument #2 to 'send' (string expected, got table)
--= true	5
--= order	100
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message(), e and e:retryable()
end
local me = process.pid()
-- several arguments, holes, fields and methods
process.send(me, "a")
process.send(me, "a", nil)
process.send(me, "a", false)
process.send(me, "b", 1, nil, 3)
process.send(me, "c", { x = 1 }, { y = 2 })
local inbox = process.inbox()
for _ = 1, 5 do
    local m, ok = inbox:receive()
    local p = m.payload
    print(m.topic, m:topic(), ok, type(p), m:from() == me, m.from == me, type(p) == "table" and (p[3] or p[2].y) or p)
    if type(p) == "table" then print("same", p == m.payload, p == m:payload(), p.n) end
end
print(type(process.send(me, "d", "x")), inbox == process.inbox(), process.events() == process.events())
local m = inbox:receive()
print(type(m), string.find(tostring(m), "process.Message", 1, true), m.nothing, pcall(function() return m:nothing() end))
print(pcall(function() m.x = 1 end))
print(getmetatable(m))
-- listen
process.send(me, "t", 1)
process.send(me, "u", 2)
process.send(me, "t", 3)
local t = process.listen("t")
print("listen", t == process.listen("t"), t == inbox, t:receive(), (t:receive()))
print("inbox", inbox:receive():payload())
process.send(me, "t", "raw")
print(process.listen("t", { message = true }) == t)
process.send(me, "t", "later")
print("switched", t:receive():payload(), t:receive().topic, process.listen("t") == t)
process.send(me, "t", "still")
print("still", t:receive().payload)
process.send(me, "t", "back 1")
process.send(me, "other", "back 2")
process.send(me, "t", "back 3")
print("unlisten", process.unlisten(t))
print("again", err(process.unlisten(t)))
print("closed", t:receive())
print(inbox:receive().payload, inbox:receive().payload, inbox:receive().payload)
local t2 = process.listen("t")
print("new", t2 ~= t)
print("T ~= t", process.listen("T") ~= t2)
process.unlisten(process.listen("T"))
for _, ch in { inbox, process.events() } do print(err(process.unlisten(ch))) end
print(err(process.unlisten(channel.new())))
print(pcall(process.unlisten), pcall(process.unlisten, 1))
for _, ch in { inbox, process.events(), t2 } do
    print(pcall(ch.send, ch, 1))
    print(pcall(ch.close, ch))
end
-- receivers that wait while the topic goes
local done = channel.new(1)
coroutine.spawn(function() done:send({ t2:receive() }) end)
coroutine.spawn(function()
    local r = channel.select({ inbox:case_receive(), t2:case_receive() })
    done:send({ r.ok, r.channel == t2, r.value })
end)
process.unlisten(t2)
local r = done:receive()
print("woken", r[1], r[2])
r = done:receive()
print("woken", r[1], r[2], r[3])
-- errors
print(err(process.listen()))
print(err(process.listen("")))
print(err(process.listen("@x")))
print(pcall(process.listen, {}), pcall(process.listen, "x", 1))
print((pcall(process.listen, "x", { unknown = 1 })))
print(err(process.send()))
print(err(process.send(me)))
print(err(process.send(me, nil, 1)))
print(err(process.send(nil, "t")))
print(err(process.send(me, "@x")))
print(err(process.send(me, "")))
print(err(process.send("nobody", "t")))
print(err(process.send("", "t")))
print(err(process.send("{no:host|0x00001}", "t")))
print(err(process.send("{app:processes|0xfffff}", "t")))
print(err(process.send(me, "t", print)))
print(err(process.send(me, "t", coroutine.create(print))))
print(pcall(process.send, {}, "t"), pcall(process.send, me, {}))
-- numbers are texts
print(process.send(me, 5, 1), inbox:receive().topic)
-- order
local pid = process.spawn("app:child_acts", "app:processes", "sends_then_ends", me, 100)
local last = 0
local n = process.listen("n")
for i = 1, 100 do
    local v = n:receive()
    assert(v == last + 1)
    last = v
end
print("order", last)
