--= sleep	nil	Invalid	false
--= after	nil	Invalid	false
--= timer	nil	Invalid	false
--= ticker	nil	Invalid	false
--= parse_duration	nil	Invalid	false
--= positive	nil	Invalid	Invalid	Invalid
--= accepted	7
--= load_location	Invalid	false
--= load_location	NotFound	false
--= load_location	NotFound	false
--= load_location	NotFound	false
--= parse	Invalid	true
--= raised	30
--= kinds	Invalid	true
--= named	bad argument #1 to 'before' (time expected, got number)
--= named	bad argument #8 to 'date' (location expected, got string)
--= named	bad argument #2 to 'unix' (out of range)
--= named	bad argument #1 to 'year' (time expected, got table)
--= limits	ok
--= fields	nil	nil	nil
local time = require("time")
local errors = require("errors")

-- What is no duration
local BAD = { "5", "", "1 s", "abc", "1x", "-", ".", "1h-1m", "1e3s", "99999999999h", "1s\0", "\255s", true, {}, print,
    0 / 0, 1 / 0, -1 / 0, 2 ^ 63, time.now(), time.utc, coroutine.create(print) }
for _, name in { "sleep", "after", "timer", "ticker", "parse_duration" } do
    local results = {}
    for index = 0, #BAD do
        -- Without an argument the first time.
        local result, err
        if index == 0 then
            result, err = time[name]()
        else
            result, err = time[name](BAD[index])
        end
        assert(errors.is(err, errors.INVALID), name)
        results[tostring(result) .. "\t" .. err:kind() .. "\t" .. tostring(err:retryable())] = true
    end
    for line in results do
        print(name, line)
    end
end
local function kind_of(_, err)
    return err:kind()
end
print("positive", (time.after(0)), kind_of(time.after("-1s")), kind_of(time.timer("0")), kind_of(time.ticker(-5)))
local accepted = 0
for _, good in { "1h30m", "1.5s", "100ms", "0", "+5us", "-3µs", 12.5 } do
    assert(time.parse_duration(good), good)
    accepted += 1
end
print("accepted", accepted)

-- Places
for _, name in { "", "Nowhere/Land", "../../etc/passwd", "\255\0" } do
    local location, err = time.load_location(name)
    assert(location == nil)
    print("load_location", err:kind(), err:retryable())
end
local _, err = time.parse(time.DATE_ONLY, "tomorrow")
print("parse", err:kind(), string.find(err, "tomorrow", 1, true) ~= nil)

-- What raises
local t = time.unix(0)
local second = time.parse_duration("1s")
local raised = 0
local function raises(f, ...)
    local ok = pcall(f, ...)
    assert(not ok, raised)
    raised += 1
end
raises(time.date)
raises(time.date, 2024, 1, 1, 0, 0, 0)
raises(time.date, 2024, 1, 1, 0, 0, 0, nil, time.utc)
raises(time.date, 2024, 1, 1, 0, 0, 0, 0, "UTC")
raises(time.date, 0 / 0, 1, 1, 0, 0, 0, 0)
raises(time.date, 1 / 0, 1, 1, 0, 0, 0, 0)
raises(time.date, 2024, "May", 1, 0, 0, 0, 0)
raises(time.unix)
raises(time.unix, "soon")
raises(time.unix, 1e300)
raises(time.unix, 0, {})
raises(time.parse)
raises(time.parse, time.DATE_ONLY)
raises(time.parse, time.DATE_ONLY, {})
raises(time.parse, time.DATE_ONLY, "2024-01-01", "UTC")
raises(time.load_location)
raises(time.load_location, {})
raises(time.fixed_zone, "X")
raises(time.fixed_zone, nil, 0)
raises(time.fixed_zone, "X", 2 ^ 40)
raises(t.add, t)
raises(t.add, t, "soon")
raises(t.sub, t, 5)
raises(t.before, t, "now")
raises(t.add_date, t, 1, 2)
raises(t.format, t)
raises(t.in_location, t, "UTC")
raises(t.round, t, 1000)
raises(t.truncate, t, "1s")
raises(function() return t < second end)
print("raised", raised)
local function kind_raised(f, ...)
    local _, err = pcall(f, ...)
    return err:kind()
end
local timer = time.timer("1h")
print("kinds", kind_raised(t.add, t, "soon"), kind_raised(timer.reset, timer, 0) == errors.INVALID and timer:stop())
local function message(f, ...)
    local _, text = pcall(f, ...)
    print("named", (string.gsub(text, "^[^:]+:%d+: ", "")))
end
message(t.before, t, 1)
message(time.date, 1, 2, 3, 4, 5, 6, 7, "UTC")
message(time.unix, 0, 0 / 0)
message(t.year, {})

-- The ends of the range
local function limits()
    local most = 9223372036854774784
    for _, seconds in { most, -most } do
        local far = time.unix(seconds, seconds)
        for _, step in { far:add(most), far:add(-most), far:round(time.parse_duration(most)), far:add_date(most, -most, most),
            far:in_location(time.fixed_zone("", 2147483647)), far:in_local(), time.date(seconds, seconds, seconds, seconds,
            seconds, seconds, seconds) } do
            assert(#tostring(step) > 0 and #step:format(time.RFC850) > 0 and step:year_day() > 0)
            assert(#tostring(step:sub(far)) > 0)
        end
    end
    return "ok"
end
print("limits", limits())
print("fields", t.nothing, second.nothing, time.utc.nothing)
