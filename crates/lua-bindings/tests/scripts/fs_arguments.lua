--= true
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got ``)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `x`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `rw`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `r++`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `+r`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `rb`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `R`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `r\x00`)
--= bad argument #2 to 'open' (r, w, a, r+, w+ or a+ expected, got `rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr`)
--= bad argument #1 to 'scanner' (lines, words, bytes or runes expected, got `lines `)
--= bad argument #1 to 'seek' (set, cur or end expected, got `start`)
--= nil	Invalid	number of bytes must be positive
--= nil	Invalid	number of bytes must be positive
--= nil	Invalid	number of bytes must be positive
--= nil	Invalid	number of bytes must be positive
--= nil	Invalid	number of bytes must be positive
--= nil	Invalid	number of bytes must be positive
--= 0123456789
--= Invalid
--= Invalid
--= Invalid
--= Invalid
--= Invalid
--= offset from the beginning must not be negative
--= Invalid
--= 7	78	9	4	4
--= attempt to yield across metamethod/C-call boundary
--= attempt to yield across metamethod/C-call boundary
--= attempt to yield in a comparison function of table.sort
--= 0	true	0123456789
--= nil	attempt to yield outside of a running process
local fs = require("fs")
local vol = fs.get("app:data")
vol:writefile("a", "0123456789")
local stream = vol:open("a", "r+")
local scanner = stream:scanner()
local count, raised = 0, 0
local function raises(f, ...)
    count += 1
    local ok, err = pcall(f, ...)
    if not ok and type(err) == "string" then
        raised += 1
    else
        print("did not raise", count, ok, err)
    end
    return err
end
local function without_place(text)
    return (string.gsub(text, "^.-%.lua:%d+: ", ""))
end

-- Missing and of the wrong type
raises(fs.get)
raises(fs.get, {})
raises(fs.get, "\255")
for _, method in { "open", "readfile", "writefile", "remove", "exists", "mkdir", "readdir", "stat" } do
    raises(vol[method])
    raises(vol[method], vol)
    raises(vol[method], vol, {})
    raises(vol[method], vol, print)
    raises(vol[method], stream, "a")
    raises(vol[method], {}, "a")
end
raises(vol.writefile, vol, "a")
raises(vol.writefile, vol, "a", {})
raises(vol.open, vol, "a", {})
for _, method in { "read", "write", "flush", "seek", "stat", "close", "scanner" } do
    raises(stream[method])
    raises(stream[method], vol)
    raises(stream[method], scanner)
end
raises(stream.read, stream, "many")
raises(stream.write, stream)
raises(stream.write, stream, {})
raises(stream.seek, stream, {})
raises(stream.seek, stream, "set", "far")
raises(stream.scanner, stream, 5)
for _, method in { "scan", "text", "err" } do
    raises(scanner[method])
    raises(scanner[method], stream)
end
raises(function() vol.open = 1 end)
raises(function() stream.x = 1 end)
raises(function() setmetatable(stream, {}) end)
print(raised == count)

-- What means nothing
for _, mode in { "", "x", "rw", "r++", "+r", "rb", "R", "r\0", string.rep("r", 100) } do
    print(without_place(raises(vol.open, vol, "a", mode)))
end
print(without_place(raises(stream.scanner, stream, "lines ")))
print(without_place(raises(stream.seek, stream, "start", 0)))

-- Numbers that are none
for _, bad in { 0, -1, -math.huge, 0 / 0, 0.5, "0" } do
    local data, err = stream:read(bad)
    print(data, err:kind(), err:message())
end
print(stream:read(math.huge))
for _, bad in { 0.5, 0 / 0, math.huge, -math.huge, 2 ^ 60 } do
    print(select(2, stream:seek("cur", bad)):kind())
end
print(select(2, stream:seek("set", -1)):message())
print(select(2, stream:seek("end", -11)):kind())
print(stream:seek("end", -3), stream:read("2"), stream:seek(), stream:seek("set", 4.0), stream:read(1.9))

-- Where waiting is impossible
local meta = setmetatable({}, { __index = function() return stream:read() end, __tostring = function() return vol:readfile("a") end })
print(without_place(raises(function() return meta.x end)))
print(without_place(raises(tostring, meta)))
print(without_place(raises(table.sort, { 1, 2 }, function() return scanner:scan() end)))
print(stream:seek("set", 0), scanner:scan(), scanner:text())
process.spawn_monitored("app:child_reads_at_load", "app:processes")
local pid, err = process.spawn("app:child_reads_at_load", "app:processes")
print(pid, without_place(err:message()))
