--= 4096 4096 4096 end
--= 4095 waits 4095 waits
--= 5 waits
--= 4096 4096
--= 32	nil
local vol = require("fs").get("app:data")

local function lengths(stream, count, most)
    local found = {}
    for at = 1, count do
        local data, err = stream:read(most)
        found[at] = data and #data or err and "waits" or "end"
    end
    return found
end

-- Whoever writes much is given a moment before a read waits, and whoever writes little is not
vol:writefile("tide", string.rep("x", 3 * 4096))
print(table.concat(lengths(vol:open("tide"), 4, 4096), " "))
print(table.concat(lengths(vol:open("tide"), 4, 4095), " "))

-- If that was in vain, the next reads wait at once
vol:writefile("ebb", string.rep("x", 20 * 4096))
local ebb = vol:open("ebb")
local waits = 0
for _, length in lengths(ebb, 10, 4096) do
    waits += if length == "waits" then 1 else 0
end
print(waits .. " waits")
print(table.concat(lengths(ebb, 2, 4096), " "))

-- A scanner does the same
print((function()
    vol:writefile("tide", string.rep(string.rep("x", 4095) .. "\n", 32))
    local scanner, lines = vol:open("tide"):scanner(), 0
    while scanner:scan() do
        lines += 1
    end
    return lines, scanner:err()
end)())
