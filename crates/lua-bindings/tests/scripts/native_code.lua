--= false	native_code.lua:47: attempt to perform arithmetic (add) on nil and number
--= false	native_code.lua:51: attempt to index nil with 'value'
--= false	native_code.lua:55: attempt to index nil with 'c'
--= false	native_code.lua:56: attempt to call a number value
--= false	native_code.lua:57: attempt to get length of a number value
--= false	native_code.lua:58: attempt to compare number < string
--= false	native_code.lua:59: invalid 'for' limit (number expected, got string)
--= false	native_code.lua:60: invalid argument #1 to 'floor' (number expected, got table)
--= false	native_code.lua:61: here
--= false	there
--= false	7
--= false	native_code.lua:40: attempt to concatenate nil with string
--= false	native_code.lua:65: attempt to index nil with 'field'
--= false	native_code.lua:66: table index is nil
--= name!	1001	3	nil	2	nil
--= native_code.lua:35: stack overflow
--= false	handled native_code.lua:69: attempt to index nil with 'y'
--= inf	nan	inf	-1	1
--= -2.3333333333333335	2	-3	7	-343
--= -18014398509481984	0	-18014398509481984	-9007199254740992	1.0536712127723509e-08
--= true	inf	1	4294967294	2147483648	true
--= 1
--= 0.5
--= 0
--= 25
--= 27.5
--= 800240000
--= loop	Canceled
--= caught	Canceled
--= coroutine	Canceled
--= index	callback ran longer than lua.limits.callback_budget allows (100ms)
--= comparator	callback ran longer than lua.limits.callback_budget allows (100ms)
--!native
-- Compiled to native code or interpreted, a script sees the same.
local function recurse(n) return 1 + recurse(n + 1) end
local t = setmetatable({}, {
    __index = function(_, key) if key == "bad" then error({ code = 7 }) end return key .. "!" end,
    __add = function(_, n) for _ = 1, 1000 do n += 1 end return n end,
    __call = function(_, ...) return select("#", ...), ... end,
    __lt = function() return nil .. "x" end,
})
local function fails(f, ...)
    local ok, problem = pcall(f, ...)
    print(ok, type(problem) == "table" and problem.code or problem)
end
-- positions and texts
fails(function(a) return a + 1 end, nil)
fails(function(a)
    local sum = 0
    for i = 1, 3 do
        sum += a[i].value
    end
    return sum
end, { { value = 1 }, { value = 2 } })
fails(function(a) return a.b.c end, {})
fails(function(a) return a() end, 1)
fails(function(a) return #a end, 1)
fails(function(a, b) return a < b end, 1, "x")
fails(function(a) for i = 1, a do end end, "x")
fails(function(a) return math.floor(a) end, {})
fails(function() error("here") end)
fails(function() error("there", 2) end)
fails(function() return t.bad end)
fails(function() return t < t end)
fails(function() return missing.field end)
fails(function(list) list[nil] = 1 end, {})
print(t.name, t + 1, t(nil, 2, nil))
print((select(2, pcall(recurse, 1)):gsub("%s*\n.*", "")))
print(xpcall(function() local x = nil return x.y end, function(problem) return "handled " .. problem end))
-- numbers, where machines differ from the language
local function numbers(a, b) return a / b, a % b, a // b, -a, a ^ b end
print(numbers(1, 0))
print(numbers(-7, 3))
print(numbers(2 ^ 53, -0.5))
print(0 / 0 ~= 0 / 0, 1e308 * 10, math.max(1, 0 / 0), bit32.bxor(2 ^ 32 - 1, 1), bit32.lshift(1, 31), -0 == 0)
for i = 3, 1 do print(i) end
for i = 1, 0, -0.5 do print(i) end
-- what a name means may change while it is used
local function rounded(n) local sum = 0 for i = 1, n do sum += math.floor(i / 2) end return sum end
print(rounded(10))
math = { floor = function(x) return x end }
print(rounded(10))
-- slices end anywhere: other coroutines and processes go on, and nothing is lost or done twice
local done, total = channel.new(4), 0
for worker = 1, 4 do
    coroutine.spawn(function()
        local sum = 0
        for v in coroutine.wrap(function() for i = 1, 20000 do coroutine.yield(i) end end) do
            local _, more = pcall(function() return v + worker end)
            sum += more
        end
        done:send(sum)
    end)
end
for _ = 1, 4 do total += done:receive() end
print(total)
-- and whatever it does, it ends when it shall
local events, inbox = process.events(), process.inbox()
for _, way in { "loop", "caught", "coroutine" } do
    local pid = process.spawn_monitored("app:child_native_spins", "app:processes", way, process.pid())
    inbox:receive()
    process.terminate(pid)
    print(way, events:receive().error:kind())
end
for _, way in { "index", "comparator" } do
    process.spawn_monitored("app:child_native_spins", "app:processes", way, process.pid())
    inbox:receive()
    print(way, events:receive().error)
end
