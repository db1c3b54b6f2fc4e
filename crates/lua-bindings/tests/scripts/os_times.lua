--= there and back	true
--= true	12:00:00	2020-06-15
--= true	true	true
--= true	86400	5
--= true	0	true
--= field 'year' missing in date table
--= field 'day' missing in date table
--= field 'year' of the date table is out of range
--= field 'month' of the date table is out of range
--= field 'year' missing in date table
--= bad argument #1 to 'time' (table expected, got number)
--= invalid argument #1 to 'date' (string expected, got table)
--= invalid argument #2 to 'date' (number expected, got string)
--= missing argument #1 to 'difftime' (number expected)
--= true
--= 1969		100000	true	true	%
-- Parts of a local clock, there and back, whatever the zone. (Not in the hour that clocks show twice.)
local checked = 0
for t = 86400, 2 ^ 31, 86400 * 45 + 4321 do
    local parts = os.date("*t", t)
    parts.isdst = nil
    assert(os.time(parts) == t, t)
    checked += 1
end
print("there and back", checked > 500)
-- UTC and local differ by a zone's offset
local noon = os.time({ year = 2020, month = 6, day = 15 })
print(math.abs(noon - 1592222400) <= 14 * 3600, os.date("%H:%M:%S", noon), os.date("%Y-%m-%d", noon))
-- defaults, roll-over, numbers in strings, fractions
local function time(y, mo, d, h, mi, s) return os.time({ year = y, month = mo, day = d, hour = h, min = mi, sec = s }) end
print(time(2020, 1, 1) == time(2020, 1, 1, 12, 0, 0), time(2020, 14, 0, 12) == time(2021, 1, 31, 12), time("2020", 1, 1, 0, 0, 90) == time(2020, 1, 1, 0, 1, 30.9))
print(time(1901, 2, 3) < 0, os.difftime(time(2020, 1, 2), time(2020, 1, 1)), os.difftime(5))
print(os.time() - os.time(os.date("*t")) < 5, os.time() % 1, os.clock() <= os.clock())
-- what is no date
local function text(f, ...) return (string.gsub(select(2, pcall(f, ...)), "^.-:%d+: ", "")) end
print(text(os.time, {}))
print(text(os.time, { year = 2020, month = 1 }))
print(text(os.time, { year = 1e300, month = 1, day = 1 }))
print(text(os.time, { year = 2020, month = 0 / 0, day = 1 }))
print(text(os.time, { year = {}, month = 1, day = 1 }))
print(text(os.time, 5))
print(text(os.date, {}))
print(text(os.date, "%d", "x"))
print(text(os.difftime))
print(os.time({ year = 2 ^ 53, month = -2 ^ 53, day = 2 ^ 53, hour = 2 ^ 53 }) > 0)
print(os.date("!%Y", -1), os.date("", 0), #os.date(string.rep("%%", 1e5)), os.date("!a\0b", 0) ~= nil, pcall(os.date, "%", 0))
