--= 1	1
--= 2	4
--= 3	9
--= sum 14
--= pcall	false	true
local time = require("time")
local function squares(n)
    return coroutine.wrap(function()
        for i = 1, n do
            time.sleep("1ms")
            local x = 0
            for _ = 1, i * i do x += 1 end
            coroutine.yield(i, x)
        end
    end)
end
local sum = 0
for i, x in squares(3) do
    print(i, x)
    sum += x
end
print("sum " .. sum)
local ok, err = pcall(function()
    time.sleep("1ms")
    error("inside")
end)
print("pcall", ok, string.find(err, "inside") ~= nil)
