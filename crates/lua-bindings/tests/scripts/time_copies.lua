--= time	2024-02-29T23:59:58.123456789Z	UTC	true
--= fixed	2024-02-29T18:29:58.123456789-05:30	Half	true
--= unnamed	+01:00		true
--= misleading	UTC	+02:00
--= local	Local	true
--= named	ok
--= zero	true
--= early	-1000000000.5
--= duration	1h30m45.5s	true
--= shortest	-9223372036854775808
--= location	UTC	Local	EST	-18000
--= table	2	1s	EST	true
--= monotonic	true	true
--= delivered	userdata	Local	true
--= key	found
--= others	nil	nil	end
local time = require("time")

local inbox = process.inbox()
local function copy(...)
    assert(process.send(process.pid(), "copy", ...))
    return inbox:receive().payload
end

local t = time.date(2024, 2, 29, 23, 59, 58, 123456789, time.utc)
local same = copy(t)
print("time", same, same:location(), same == t)

local half = t:in_location(time.fixed_zone("Half", -5 * 3600 - 1800))
same = copy(half)
print("fixed", same, same:location(), same == half)
same = copy(t:in_location(time.fixed_zone("", 3600)))
print("unnamed", same:format("-07:00"), same:location():string(), same == t)
same = copy(t:in_location(time.fixed_zone("UTC", 7200)))
print("misleading", same:location(), same:format("-07:00"))
same = copy(t:in_local())
print("local", same:location(), same:format(time.RFC3339) == t:in_local():format(time.RFC3339))

local function check_named()
    local berlin = time.load_location("Europe/Berlin")
    -- Not every machine has a zone database.
    if berlin then
        local there = copy(t:in_location(berlin))
        assert(tostring(there) == "2024-03-01T00:59:58.123456789+01:00")
        assert(there:location():string() == "Europe/Berlin")
        assert(there:add_date(0, 6, 0):format("MST") == "CEST")
        assert(copy(berlin):string() == "Europe/Berlin")
    end
    return "ok"
end
print("named", check_named())
print("zero", copy(time.date(1, 1, 1, 0, 0, 0, 0, time.utc)):is_zero())
local early = copy(time.unix(-1000000001, 500000000))
print("early", early:unix() + early:nanosecond() / 1e9)

local long = time.parse_duration("1h30m45.5s")
print("duration", copy(long), copy(long) == long)
print("shortest", string.format("%.0f", copy(time.parse_duration(-2 ^ 63)):nanoseconds()))
local est = time.fixed_zone("EST", -18000)
local function offset(location)
    return time.unix(0):utc():sub(time.date(1970, 1, 1, 0, 0, 0, 0, location)):seconds()
end
print("location", copy(time.utc), copy(time.localtz), copy(est), string.format("%.0f", offset(copy(est))))

local shared = { "x" }
local list = copy({ t, time.parse_duration("1s"), place = est, a = shared, b = shared })
print("table", #list, list[2], list.place, list.a == list.b)

-- Only readings that are never set tell how long something took.
local start = time.now()
local sent = copy(start)
print("monotonic", sent == start and sent:sub(start):nanoseconds() == 0, time.now():sub(sent):nanoseconds() >= 0)
local delivered = time.after("1ms"):receive()
local again = copy(delivered)
print("delivered", type(again), again:location(), again:sub(start):milliseconds() >= 1)

-- A copied object is a key like any other.
for key, value in copy({ [t] = "found" }) do
    if key == t then print("key", value) end
end
print("others", copy(time.timer("1h")), copy(time.ticker("1h")), "end")
