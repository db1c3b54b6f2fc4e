--= a	a	b	b
--= a	a	b	b
--= false	NotFound: could not resolve 'name' as PID or registered name
--= false	NotFound: could not resolve 'name' as PID or registered name
--= a	a
--= stopped
--= false	NotFound: could not resolve 'name' as PID or registered name
--= b	b
--= topic1 1	topic0 2	topic1 3	topic0 4	topic1 5	topic0 6
--= 7 seven	7 again
--= false	Invalid: cannot send to @ topics
--= false	Invalid: cannot send to @ topics
--= false	NotFound: host not found
--= false	NotFound: host not found
--= 100	100

-- what a text means, however often it was used before
local r = process.registry
local me = process.pid()
local inbox = process.inbox()
local function err(ok, e)
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
local a = process.spawn_monitored("app:child_acts", "app:processes", "echo")
local b = process.spawn_monitored("app:child_acts", "app:processes", "echo")
-- whoever has the name now answers
local function reached()
    assert(process.send("name", "hello"))
    local from = inbox:receive().from
    return if from == a then "a" elseif from == b then "b" else "?"
end
for _ = 1, 2 do
    r.register("name", a)
    local first, second = reached(), reached()
    r.unregister("name")
    r.register("name", b)
    print(first, second, reached(), reached())
    r.unregister("name")
end
for _ = 1, 2 do print(err(process.send("name", "hello"))) end
-- until its end
r.register("name", a)
print(reached(), reached())
process.send("name", "stop")
print((process.events():receive().result))
print(err(process.send("name", "hello")))
r.register("name", b)
print(reached(), reached())
-- texts that are made anew, and numbers
local got = {}
for i = 1, 6 do
    process.send(me, "topic" .. i % 2, i)
    local m = inbox:receive()
    table.insert(got, m.topic .. " " .. m.payload)
end
print(unpack(got))
process.send(me, 7, "seven")
process.send(me, 7, "again")
local seven, again = inbox:receive(), inbox:receive()
print(seven.topic .. " " .. seven.payload, again.topic .. " " .. again.payload)
-- what fails is not remembered
for _ = 1, 2 do print(err(process.send(me, "@topic"))) end
for _ = 1, 2 do print(err(process.send("{no:host|0x00001}", "topic"))) end
-- more of them than are remembered
local sum, right = 0, 0
for i = 1, 300 do process.listen("of " .. i) end
for _ = 1, 2 do
    for i = 1, 300 do process.send(me, "of " .. i, i) end
end
for i = 1, 300 do
    local of = process.listen("of " .. i)
    if of:receive() == i and of:receive() == i then right += 1 / 3 end
    sum += 1 / 3
end
print(math.round(sum), math.round(right))
