--= ANSIC	Fri Feb  2 15:04:05 2024
--= UNIXDATE	Fri Feb  2 15:04:05 PST 2024
--= RUBYDATE	Fri Feb 02 15:04:05 -0800 2024
--= RFC822	02 Feb 24 15:04 PST
--= RFC822Z	02 Feb 24 15:04 -0800
--= RFC850	Friday, 02-Feb-24 15:04:05 PST
--= RFC1123	Fri, 02 Feb 2024 15:04:05 PST
--= RFC1123Z	Fri, 02 Feb 2024 15:04:05 -0800
--= RFC3339	2024-02-02T15:04:05-08:00
--= RFC3339NANO	2024-02-02T15:04:05.123456789-08:00
--= KITCHEN	3:04PM
--= STAMP	Feb  2 15:04:05
--= STAMP_MILLI	Feb  2 15:04:05.123
--= STAMP_MICRO	Feb  2 15:04:05.123456
--= STAMP_NANO	Feb  2 15:04:05.123456789
--= DATE_TIME	2024-02-02 15:04:05
--= DATE_ONLY	2024-02-02
--= TIME_ONLY	15:04:05
--= years	2024 24
--= months	02 2 Feb February
--= days	02 2  2 033
--= hours	15 03 3 PM pm
--= minutes	04 4 05 5
--= fractions	.1 .123 ,123456 .123456789 .1234
--= weekdays	Fri Friday
--= zones	PST -0800 -08:00 -08 -0800 -08:00
--= utc	UTC +0000 +00:00 +00 Z Z
--= literal	Zürich, Jane: {2} % $
--= trimmed	15:00:00 15:00:00.000 15:00:00.5
--= round trips	18
--= rfc	2024-05-06T07:08:09Z	UTC
--= offset	2024-05-06T07:08:09+05:30	2024-05-06T01:38:09Z
--= in utc	2024-05-06T07:08:09Z	UTC
--= in place	2024-05-06T07:08:09-08:00	PST
--= in local	2024-05-06T07:08:09	Local
--= same place	2024-05-06T07:08:09-08:00	PST
--= fraction	2024-05-06T07:08:09.25Z	2024-05-06T07:08:09.25Z
--= twelve	0	12	23
--= short	2069	1970	7
--= year day	2024-02-29
--= names	2024-03-04	2024-03-04
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= bad	Invalid	false
--= empty	0000-01-01T00:00:00Z
local time = require("time")

local NAMES = {
    "ANSIC", "UNIXDATE", "RUBYDATE", "RFC822", "RFC822Z", "RFC850", "RFC1123", "RFC1123Z", "RFC3339", "RFC3339NANO",
    "KITCHEN", "STAMP", "STAMP_MILLI", "STAMP_MICRO", "STAMP_NANO", "DATE_TIME", "DATE_ONLY", "TIME_ONLY",
}
local pst = time.fixed_zone("PST", -8 * 3600)
local t = time.date(2024, 2, 2, 15, 4, 5, 123456789, pst)
for _, name in NAMES do
    print(name, t:format(time[name]))
end

-- Every element
print("years", t:format("2006 06"))
print("months", t:format("01 1 Jan January"))
print("days", t:format("02 2 _2 002"))
print("hours", t:format("15 03 3 PM pm"))
print("minutes", t:format("04 4 05 5"))
print("fractions", t:format(".0 .000 ,000000 .000000000 .9999"))
print("weekdays", t:format("Mon Monday"))
print("zones", t:format("MST -0700 -07:00 -07 Z0700 Z07:00"))
print("utc", t:utc():format("MST -0700 -07:00 -07 Z0700 Z07:00"))
print("literal", t:format("Zürich, Jane: {2} % $"))
local full = time.date(2024, 2, 2, 15, 0, 0, 0, pst)
print("trimmed", full:format("15:04:05.999") .. " " .. full:format("15:04:05.000") .. " "
    .. full:add("500ms"):format("15:04:05.999999"))

-- What a layout writes, it reads.
local round = 0
for _, name in NAMES do
    local text = t:format(time[name])
    local parsed, err = time.parse(time[name], text, pst)
    assert(err == nil, err)
    assert(parsed:format(time[name]) == text, name)
    round += 1
end
print("round trips", round)

-- Reading
local function parse(layout, text, location)
    local parsed, err = time.parse(layout, text, location)
    assert(err == nil, err)
    return parsed
end
local rfc = parse(time.RFC3339, "2024-05-06T07:08:09Z")
print("rfc", rfc, rfc:location())
local india = parse(time.RFC3339, "2024-05-06T07:08:09+05:30")
print("offset", india, india:utc())
local text = "2024-05-06 07:08:09"
print("in utc", parse(time.DATE_TIME, text, time.utc), parse(time.DATE_TIME, text, time.utc):location())
print("in place", parse(time.DATE_TIME, text, pst), parse(time.DATE_TIME, text, pst):location())
print("in local", parse(time.DATE_TIME, text):format("2006-01-02T15:04:05"), parse(time.DATE_TIME, text):location())
local here = parse(time.RFC3339, "2024-05-06T07:08:09-08:00", pst)
print("same place", here, here:location())
print("fraction", parse(time.RFC3339, "2024-05-06T07:08:09.25Z"), parse(time.RFC3339NANO, "2024-05-06T07:08:09.25Z"))
print("twelve", parse("3:04PM", "12:00AM"):hour(), parse("3:04PM", "12:00PM"):hour(), parse("3:04pm", "11:59pm"):hour())
print("short", parse("06", "69", time.utc):year() + 100, parse("06", "70", time.utc):year(),
    parse("January", "july", time.utc):month())
print("year day", parse("2006-002", "2024-060", time.utc):format(time.DATE_ONLY))
print("names", parse("Monday, 2 Jan 2006", "Friday, 4 Mar 2024"):format(time.DATE_ONLY),
    parse("_2 January 2006", " 4 march 2024"):format(time.DATE_ONLY))

-- What does not match
for _, case in {
    { time.RFC3339, "not a time" },
    { time.RFC3339, "" },
    { time.RFC3339, "2024-05-06T07:08:09" },
    { time.DATE_ONLY, "2024-13-01" },
    { time.DATE_ONLY, "2023-02-29" },
    { time.DATE_ONLY, "2024-05-06 " .. "more" },
    { time.TIME_ONLY, "24:00:00" },
    { time.KITCHEN, "13:00PM" },
    { time.DATE_ONLY, "2024-\255-01" },
    { "Jan", "Smarch" },
} do
    local parsed, err = time.parse(case[1], case[2])
    assert(parsed == nil)
    print("bad", err:kind(), err:retryable())
end
print("empty", parse("", "", time.utc))
