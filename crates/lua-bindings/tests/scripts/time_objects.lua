--= units	1	1000	1000000	1000000000	60000000000	3600000000000
--= months	1	2	3	4	5	6	7	8	9	10	11	12
--= weekdays	0	1	2	3	4	5	6
--= places	UTC	Local	UTC	userdata
--= fixed	EST	EST	-05:00
--= duration	5445500000000	5445500000	5445500	5445.5	90.75833333333334	1.5126388888888889
--= cut	-1500	-1	0	1h30m45.5s	1.5µs	-0.5	0
--= order	true	false	true	true	false	true
--= time	2024-02-29T23:59:58.123456789Z	userdata
--= parts	2024	2	29	23	59	58	123456789	4	60
--= date	2024	2	29
--= clock	23	59	58
--= rolled	2012-01-01T00:00:59.999999999Z	2024-02-29T00:00:00Z	1969-12-31T23:00:00Z
--= unix	1709251198	-1	-750000000	1970-01-01T00:00:01.5Z	2001-09-09T01:46:40Z
--= exact	true	true
--= add	2024-03-01T00:00:58.123456789Z	2024-02-29T23:59:57.123456789Z	2024-02-29T23:59:58.12345679Z
--= sub	1h1m1s	-1h1m1s	0s
--= add_date	2025-03-01T23:59:58.123456789Z	2023-12-31T00:00:00Z	2023-03-03T00:00:00Z
--= compare	true	false	false	false	true	true
--= operators	true	true	true	false	false	true	true
--= zones	2024-02-29T18:59:58.123456789-05:00	EST	true	23	18	29	true
--= zone	UTC	Local	UTC	EST
--= named	ok
--= zero	true	false	true
--= round	2024-02-29T23:59:58Z	2024-03-01T00:00:00Z	2024-01-01T00:00:02Z	2024-02-29T23:59:58.123456789Z
--= truncate	2024-02-29T23:59:58Z	2024-02-29T23:00:00Z	2024-02-29T23:59:58.123456789Z
--= text	2024-02-29T23:59:58Z	2024-02-29 23:59
--= now	userdata	Local	true	true	true
--= keys	same	nil
--= readonly	false	false
local time = require("time")

print("units", time.NANOSECOND, time.MICROSECOND, time.MILLISECOND, time.SECOND, time.MINUTE, time.HOUR)
print("months", time.JANUARY, time.FEBRUARY, time.MARCH, time.APRIL, time.MAY, time.JUNE, time.JULY, time.AUGUST,
    time.SEPTEMBER, time.OCTOBER, time.NOVEMBER, time.DECEMBER)
print("weekdays", time.SUNDAY, time.MONDAY, time.TUESDAY, time.WEDNESDAY, time.THURSDAY, time.FRIDAY, time.SATURDAY)

print("places", time.utc:string(), time.localtz:string(), tostring(time.utc), type(time.utc))
local est = time.fixed_zone("EST", -5 * 3600)
print("fixed", est:string(), est, time.date(2024, 1, 1, 0, 0, 0, 0, est):format("Z07:00"))

-- Durations
local function duration(text)
    local parsed, err = time.parse_duration(text)
    assert(err == nil, err)
    return parsed
end
local long = duration("1h30m45.5s")
print("duration", long:nanoseconds(), long:microseconds(), long:milliseconds(), long:seconds(), long:minutes(),
    long:hours())
local short = duration(-1500)
print("cut", short:nanoseconds(), short:microseconds(), math.abs(short:milliseconds()), long, duration(1500.9),
    duration("-500ms"):seconds(), duration("0"):nanoseconds())
print("order", duration("60s") == duration("1m"), duration("1s") == duration("2s"), duration("1s") < duration("2s"),
    duration(long) <= long, duration("2s") < duration("1s"), short ~= long)

-- Making times
local t = time.date(2024, time.FEBRUARY, 29, 23, 59, 58, 123456789, time.utc)
print("time", t, type(t))
print("parts", t:year(), t:month(), t:day(), t:hour(), t:minute(), t:second(), t:nanosecond(), t:weekday(), t:year_day())
print("date", t:date())
print("clock", t:clock())
print("rolled", time.date(2011, 13, 1, 0, 1, 0, -1, time.utc), time.date(2024, 3, 0, 0, 0, 0, 0, time.utc),
    time.date("1970", 1, 1, -1, 0.9, 0, 0, time.utc))
print("unix", t:unix(), time.unix(-1, 250000000):unix(), time.unix(-1, 250000000):unix_nano(),
    time.unix(0, 1500000000):utc(), time.unix(1e9):utc())
print("exact", time.unix(4000000, 123456789):unix_nano() == 4000000123456789,
    math.abs(t:unix_nano() - 1709251198123456789) <= 256)

-- Reckoning
print("add", t:add("1m"), t:add(-time.SECOND), t:add(duration("1ns")))
local later = t:add("1h1m1s")
print("sub", later:sub(t), t:sub(later), t:sub(t))
print("add_date", t:add_date(1, 0, 0), time.date(2024, 1, 1, 0, 0, 0, 0, time.utc):add_date(0, 0, -1),
    time.date(2023, 1, 31, 0, 0, 0, 0, time.utc):add_date(0, 1, 0))
print("compare", t:before(later), t:after(later), t:equal(later), t:before(t), t:equal(t), later:after(t))
local same = t:in_location(est)
print("operators", t == same, t < later, t <= same, t == later, later <= t, t ~= later, later > t)

-- Places
print("zones", same, same:location(), same:equal(t), t:hour(), same:hour(), same:day(), same:utc() == t)
print("zone", t:location(), t:in_local():location(), same:utc():location(), same:add("1s"):location())
local function check_named()
    local berlin = time.load_location("Europe/Berlin")
    -- Not every machine has a zone database.
    if berlin then
        assert(berlin:string() == "Europe/Berlin")
        local summer = time.date(2024, 7, 1, 12, 0, 0, 0, berlin)
        assert(summer:format(time.RFC3339) == "2024-07-01T12:00:00+02:00")
        assert(summer:add_date(0, 6, 0):format(time.RFC822) == "01 Jan 25 12:00 CET")
        assert(summer:utc():hour() == 10 and summer:location():string() == "Europe/Berlin")
    end
    assert(time.load_location("UTC"):string() == "UTC")
    assert(time.load_location("Local"):string() == "Local")
    return "ok"
end
print("named", check_named())
print("zero", time.date(1, 1, 1, 0, 0, 0, 0, time.utc):is_zero(), time.unix(0):is_zero(),
    time.date(1, 1, 1, -5, 0, 0, 0, est):is_zero())

-- Steps
local second, minute, hour = duration("1s"), duration("1m"), duration("1h")
print("round", t:round(second), t:round(minute), time.date(2024, 1, 1, 0, 0, 1, 500000000, time.utc):round(second),
    t:round(duration(0)))
print("truncate", t:truncate(second), t:truncate(hour), t:truncate(duration(-5)))
print("text", t:format_rfc3339(), t:format("2006-01-02 15:04"))

-- The present
local first = time.now()
local next = time.now()
print("now", type(first), first:location(), not next:before(first), next:sub(first):nanoseconds() >= 0,
    first:unix() > 1700000000)

-- Objects are what they are, and the module cannot be changed.
local known = { [t] = "same" }
print("keys", known[t], known[same])
print("readonly", pcall(function() time.SECOND = 1 end), (pcall(function() time.utc.string = 1 end)))
