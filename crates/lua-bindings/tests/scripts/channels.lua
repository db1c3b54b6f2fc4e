--= send 1 true, send 2 true, 1 true, send 3 true, 3 false, nil false, nil false, nil false
--= sent 1, sent 2, main, got 1 true, got 2 true, got 3 true, sent 3, sent 4, closed, got 4 true, nil
--= false	true	true	true
--= userdata	1	1	true	true
--= true	true	true
--= nil	true
--= nil	true
--= false	true
--= 1 a, 2 b, 3 c
--= 1	2	3
--= sent 1, sent 2, sent 3
--= nil
--= false	send on closed channel
--= kept	true
--= nil	false
--= nil	false
--= woken 1 nil false, woken 2 nil false
--= 1 false send on closed channel, 2 false send on closed channel
--= b	in b	true	nil
--= a	in a	true	nil
--= a	put	true	nil
--= b	in b	true	nil
--= nil	nil	true	true
--= nil	nil	true	true
--= nil	nil	true	true
--= a	put	true	nil
--= false	select needs at least one case
--= false	select needs at least one case
--= false	false	bad argument #1 to 'select' (table expected, got userdata)
--= a	1	true	nil
--= a	2	true	nil
--= a	3	true	nil
--= b	late	true	nil
--= a	by select	true	nil
--= received 1 by select
--= a	nil	false	nil
--= a	nil	false	nil
--= false	send on closed channel
--= false	send on closed channel
--= a	for somebody else	true	nil
--= 2	true
--= b	b first	true	nil
--= b	2	true	nil
--= other	own	true
--= a	own	true	nil
--= a	one	true	nil
--= b	met	true	nil
--= b	met	true	nil
--= b	still	true	nil
--= true	2	true
--= true	1	true
--= true	nil	true
--= false	cannot send on a subscription channel
--= false	channels.lua:182: attempt to index userdata with 'x'
--= false	channel.case
--= false	select needs at least one case
--= true
--= a	to many	true	nil
--= false	select takes at most 10000 cases
--= true
--= 70125
local time = require("time")
local log = {}
local function say(...) table.insert(log, table.concat({ ... }, " ")) end
local function flush() print(table.concat(log, ", ")) table.clear(log) end
-- unbuffered
local ch = channel.new()
coroutine.spawn(function() for i = 1, 3 do say("send", i, tostring(ch:send(i))) end ch:close() end)
for _ = 1, 5 do say(table.concat({ tostring(ch:receive()) }), tostring(select(2, ch:receive()))) end
flush()
-- buffered
ch = channel.new(2)
coroutine.spawn(function() for i = 1, 4 do ch:send(i) say("sent", i) end ch:close() say("closed") end)
say("main")
for v, ok in function() return ch:receive() end do say("got", v, tostring(ok)) end
say(tostring(ch:receive()))
flush()
print(pcall(channel.new, {}), (pcall(channel.new, "2")), (pcall(channel.new, -5)), (pcall(channel.new, 0 / 0)))
print(type(ch), string.find(tostring(ch), "channel", 1, true), ({ [ch] = 1 })[ch], ch == ch, ch ~= channel.new())
-- nil is a value
ch = channel.new(3)
print(ch:send(nil), ch:send(), ch:send(false))
print(ch:receive())
print(ch:receive())
print(ch:receive())
-- first come, first served
ch = channel.new()
for i = 1, 3 do coroutine.spawn(function() say(i, tostring(ch:receive())) end) end
for _, v in { "a", "b", "c" } do ch:send(v) end
time.sleep("1ms")
flush()
for i = 1, 3 do coroutine.spawn(function() ch:send(i) say("sent", i) end) end
print(ch:receive(), (ch:receive()), (ch:receive()))
time.sleep("1ms")
flush()
-- closing
ch = channel.new(1)
ch:send("kept")
print(ch:close(), ch:close())
print(pcall(ch.send, ch, 1))
print(ch:receive())
print(ch:receive())
print(ch:receive())
ch = channel.new()
for i = 1, 2 do coroutine.spawn(function() local v, ok = ch:receive() say("woken", i, tostring(v), tostring(ok)) end) end
ch:close()
time.sleep("1ms")
flush()
ch = channel.new()
for i = 1, 2 do coroutine.spawn(function() local ok, text = pcall(ch.send, ch, i) say(i, tostring(ok), text) end) end
ch:close()
time.sleep("1ms")
flush()
-- select: in order
local a, b = channel.new(1), channel.new(1)
local function show(r) print(r.channel == a and "a" or r.channel == b and "b" or r.channel, r.value, r.ok, r.default) end
b:send("in b")
show(channel.select({ a:case_receive(), b:case_receive() }))
a:send("in a")
b:send("in b")
show(channel.select({ a:case_receive(), b:case_receive() }))
show(channel.select({ a:case_send("put"), b:case_receive() }))
show(channel.select({ a:case_send("no room"), b:case_receive() }))
show(channel.select({ b:case_receive(), default = true }))
show(channel.select({ b:case_receive() }, true))
show(channel.select({}, true))
show(channel.select({ 1, false, {}, print, a:case_receive(), "x" }))
print(pcall(channel.select, {}))
print(pcall(channel.select, { 1, 2 }))
print(pcall(channel.select), pcall(channel.select, a))
-- reusable cases
local case = a:case_receive()
for i = 1, 3 do a:send(i) show(channel.select({ case })) end
-- waiting
coroutine.spawn(function() time.sleep("1ms") b:send("late") end)
show(channel.select({ a:case_receive(), b:case_receive() }))
coroutine.spawn(function() time.sleep("1ms") say("received", a:receive(), tostring(a:receive())) end)
a:send(1)
show(channel.select({ a:case_send("by select"), b:case_receive() }))
time.sleep("1ms")
flush()
coroutine.spawn(function() time.sleep("1ms") a:close() end)
show(channel.select({ a:case_receive(), b:case_receive() }))
show(channel.select({ a:case_receive() }))
print(pcall(channel.select, { a:case_send(1) }))
a = channel.new()
coroutine.spawn(function() time.sleep("1ms") a:close() end)
print(pcall(channel.select, { a:case_send(1), b:case_receive() }))
-- only one case has an effect
a, b = channel.new(), channel.new()
coroutine.spawn(function() show(channel.select({ a:case_receive(), b:case_receive() })) end)
b:send("b first")
coroutine.spawn(function() a:send("for somebody else") end)
show({ channel = a, value = a:receive(), ok = true })
coroutine.spawn(function() show(channel.select({ a:case_send(1), b:case_send(2) })) end)
print(b:receive(), channel.select({ a:case_receive() }, true).default)
-- both ends in one select, and one channel twice
coroutine.spawn(function() time.sleep("1ms") print("other", a:receive()) end)
show(channel.select({ a:case_send("own"), a:case_receive() }))
coroutine.spawn(function() time.sleep("1ms") a:send("one") end)
show(channel.select({ a:case_receive(), a:case_receive() }))
-- two selects meet
coroutine.spawn(function() show(channel.select({ a:case_receive(), b:case_receive() })) end)
show(channel.select({ b:case_send("met") }))
time.sleep("1ms")
-- a table that changes while select waits
local cases = { a:case_receive(), b:case_receive() }
coroutine.spawn(function() time.sleep("1ms") table.clear(cases) cases[1] = "x" b:send("still") end)
show(channel.select(cases))
-- mail
local inbox, t = process.inbox(), process.listen("t")
process.send(process.pid(), "x", 1)
process.send(process.pid(), "t", 2)
local r = channel.select({ t:case_receive(), inbox:case_receive() })
print(r.channel == t, r.value, r.ok)
r = channel.select({ t:case_receive(), inbox:case_receive() })
print(r.channel == inbox, r.value.payload, r.ok)
coroutine.spawn(function() time.sleep("1ms") process.send(process.pid(), "t", nil) end)
r = channel.select({ a:case_receive(), inbox:case_receive(), t:case_receive() })
print(r.channel == t, r.value, r.ok)
print(pcall(channel.select, { t:case_send(1) }))
print(pcall(function() a.x = 1 end))
print(pcall(function() case[1] = 1 end), getmetatable(case))
print(pcall(channel.select, table.create(0)))
local lots = {}
for i = 1, 10000 do lots[i] = a:case_receive() end
print(channel.select(lots, true).default)
coroutine.spawn(function() time.sleep("1ms") a:send("to many") end)
show(channel.select(lots))
lots[10001] = lots[1]
print(pcall(channel.select, lots, true))
-- a channel through itself
ch = channel.new(1)
ch:send(ch)
print(ch:receive() == ch)
-- many senders and receivers
ch = channel.new(3)
local sum, done = 0, channel.new(20)
for i = 1, 10 do coroutine.spawn(function() for j = 1, 50 do ch:send(i * j) end done:send(1) end) end
for _ = 1, 5 do coroutine.spawn(function() for v in function() return (ch:receive()) end do sum += v end done:send(2) end) end
for _ = 1, 10 do done:receive() end
ch:close()
for _ = 1, 5 do done:receive() end
print(sum)
