--= true	false	false
--= true	true	true	true
--= 1	6	5	-3	4
--= false	bad argument #1 to 'random' (interval is empty)
--= false	bad argument #2 to 'random' (interval is empty)
--= false	bad argument #1 to 'random' (interval is empty)
--= false	bad argument #1 to 'random' (interval is empty)
--= false	bad argument #1 to 'random' (number expected, got table)
--= false	bad argument #2 to 'random' (number expected, got table)
--= false	bad argument #2 to 'random' (interval is empty)
--= false	false	bad argument #1 to 'randomseed' (number expected, got table)
--= true	true
local function run(seed)
    process.spawn_monitored("app:child_acts", "app:processes", "random", seed)
    local v = process.events():receive().result.value
    return table.concat(v, " ")
end
print(run(1) == run(1), run(1) == run(2), run(nil) == run(nil))
math.randomseed(3)
local a, b = math.random(), math.random()
run(5)
math.randomseed(3)
print(a == math.random(), b == math.random(), a ~= b, a >= 0 and a < 1)
local low, high = 10, 0
for _ = 1, 1000 do
    local n = math.random(6)
    assert(n == math.floor(n))
    low, high = math.min(low, n), math.max(high, n)
end
print(low, high, math.random(5, 5), math.random(-3, -3), math.random("4", "4"))
for _, args in { { 0 }, { 2, 1 }, { 1 / 0 }, { 0 / 0 }, { {} }, { 1, {} }, { -1 / 0, 1 / 0 } } do print(pcall(math.random, unpack(args))) end
print(pcall(math.randomseed), pcall(math.randomseed, {}))
local n = math.random(2 ^ 53)
print(n == math.floor(n), math.random(1, 2 ^ 52) <= 2 ^ 52)
