--= nil	abc
--= enough
--= attempt to compare string < number
--= attempt to compare table < number
--= false	false	false	false
--= false
--= 1000
--= 3
--= sorting.lua:64: attempt to yield in a comparison function of table.sort
--= sorting.lua:65: attempt to yield in a comparison function of table.sort
--= 123
--= spins_in_sort	callback ran longer than lua.limits.callback_budget allows (100ms)
--= spins_in_index	callback ran longer than lua.limits.callback_budget allows (100ms)
--= spins_in_gsub	callback ran longer than lua.limits.callback_budget allows (100ms)
--= spins_in_concat	callback ran longer than lua.limits.callback_budget allows (100ms)
--= spins_in_tostring	callback ran longer than lua.limits.callback_budget allows (100ms)
--= true
--= sorted
local time = require("time")
local function err(f, ...) return select(2, pcall(f, ...)) end
math.randomseed(7)
local list, expected = {}, {}
for i = 1, 1000 do list[i] = { key = math.random(50), at = i } end
for key = 1, 50 do
    for _, item in list do if item.key == key then table.insert(expected, item) end end
end
local sorted = table.clone(list)
table.sort(sorted, function(a, b) return a.key < b.key end)
for i = 1, 1000 do assert(sorted[i] == expected[i], i) end
local numbers = {}
for i = 1, 1000 do numbers[i] = math.random() end
table.sort(numbers)
for i = 2, 1000 do assert(numbers[i - 1] <= numbers[i]) end
table.sort(numbers, function(a, b) return a > b end)
for i = 2, 1000 do assert(numbers[i - 1] >= numbers[i]) end
for size = 0, 40 do
    local t = {}
    for i = 1, size do t[i] = (i * 7) % 11 end
    table.sort(t, function(a, b) return a < b end)
    for i = 2, size do assert(t[i - 1] <= t[i]) end
    assert(#t == size)
end
local words = { "b", "a", "c" }
print(table.sort(words), table.concat(words))
-- errors leave the list as it was
local before = table.clone(list)
local count = 0
print(err(table.sort, list, function(a, b) count += 1 if count == 500 then error("enough", 0) end return a.key < b.key end))
for i = 1, 1000 do assert(list[i] == before[i]) end
print(err(table.sort, { 3, 1, "x", 2 }))
print(err(table.sort, { 1, {} }))
print((pcall(table.sort)), (pcall(table.sort, 1)), (pcall(table.sort, {}, 1)), (pcall(table.sort, table.freeze({ 2, 1 }))))
print((pcall(table.sort, table.freeze({ 2, 1 }), function(a, b) return a < b end)))
-- odd comparisons end all the same
table.sort(list, function() return true end)
table.sort(list, function() return false end)
table.sort(list, function() return math.random() < 0.5 end)
print(#list)
-- a list that changes meanwhile
local odd = { 3, 2, 1 }
table.sort(odd, function(a, b) table.clear(odd) return a < b end)
print(#odd)
-- waiting is refused
print(err(table.sort, { 2, 1 }, function(a, b) time.sleep("1ms") return a < b end))
print(err(table.sort, { 2, 1 }, function(a, b) channel.new():receive() return a < b end))
time.sleep("1ms")
-- inside one's own coroutine, and again inside a comparison
local go = coroutine.wrap(function()
    local t = { 3, 1, 2 }
    table.sort(t, function(a, b)
        local inner = { 2, 1 }
        table.sort(inner, function(x, y) return x < y end)
        return a + inner[1] < b + inner[1]
    end)
    coroutine.yield(table.concat(t))
end)
print(go())
-- endless stretches end their actor, not the neighbour
local ticks = 0
local ticker = coroutine.spawn(function() while true do time.sleep("1ms") ticks += 1 end end)
local host = "app:processes"
for _, act in { "spins_in_sort", "spins_in_index", "spins_in_gsub", "spins_in_concat", "spins_in_tostring" } do
    process.spawn_monitored("app:child_acts", host, act)
    print(act, process.events():receive().result.error)
end
print(ticks > 0)
-- an honest long one survives
local slow = {}
for i = 1, 300 do slow[i] = (i * 7919) % 300 end
table.sort(slow, function(a, b) local n = 0 for _ = 1, 2000 do n += 1 end return a < b end)
for i = 1, 300 do assert(slow[i] == i - 1) end
print("sorted")
