--= 1	nil	nil	nil	20
--= 2	true	mine
--= 10	1	10	nil
--= 10	3
--= 0	1	false
--= true	true	true
--= changed	20
--= pid.exit
--= true	20	false

-- strings and tables that do not leave their VM on the way
local me = process.pid()
local inbox = process.inbox()
local function copy(value)
    process.send(me, "copy", value)
    return inbox:receive().payload
end
local function count(t)
    local pairs = 0
    for _ in t do pairs += 1 end
    return pairs
end
-- a table is the receiver's own, and without a metatable
local map = {}
for i = 1, 20 do map["key" .. i] = i end
setmetatable(map, { __index = function() return "of the metatable" end })
process.send(me, "copy", map)
map.key1 = "changed"
map.key21 = 21
local message = inbox:receive()
local got = message.payload
print(got.key1, got.key21, got.nothing, getmetatable(got), count(got))
got.key2 = "mine"
print(map.key2, message.payload == got, message.payload.key2)
-- whatever room the sender's has
local roomy = {}
for i = 1, 1000 do roomy["k" .. i] = i end
for i = 11, 1000 do roomy["k" .. i] = nil end
local c = copy(roomy)
print(count(c), c.k1, c.k10, c.k11)
local list = table.create(1000)
for i = 1, 10 do list[i] = i end
print(#copy(list), #copy(table.freeze({ 1, 2, 3 })))
local frozen = {}
for i = 1, 20 do frozen["key" .. i] = i end
c = copy(table.freeze(frozen))
c.key1 = 0
print(c.key1, frozen.key1, table.isfrozen(c))
local text = string.rep("text", 100)
print(copy(text) == text, copy({ text })[1] == text, copy({ [text] = text })[text] == text)
c = copy(copy(map))
print(c.key1, c.key20)
-- what nobody receives
local pid = process.spawn_monitored("app:child_called", "app:processes", "waits", me)
inbox:receive()
for i = 1, 1000 do assert(process.send(pid, "other", i % 2 == 0 and map or text)) end
process.terminate(pid)
print(process.events():receive().kind)
print(copy(text) == text, copy(map).key20, (process.send(pid, "other", map)))
