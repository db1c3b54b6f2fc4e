--= 50s	true
--= pid.cancel	true	true	nil	nil
--= 1h30m	true
--= pid.cancel	true	true	nil	nil
--= 100000ms	true
--= pid.cancel	true	true	nil	nil
--= 150000.9	true
--= pid.cancel	true	true	nil	nil
--= true
--= pid.cancel	nil	nil	number
--= 	nil	Invalid: invalid duration format
--= 5	nil	Invalid: invalid duration format
--= x	nil	Invalid: invalid duration format
--= 5 s	nil	Invalid: invalid duration format
--= -5s	nil	Invalid: deadline cannot be negative
--= -1	nil	Invalid: deadline cannot be negative
--= -0.5	nil	NotFound: pid not registered
--= NaN	nil	Invalid: invalid duration format
--= inf	nil	Invalid: invalid duration format
--= 1e400h	nil	Invalid: invalid duration format
--= true	nil	Invalid: deadline must be a duration string or milliseconds
--= table	nil	Invalid: deadline must be a duration string or milliseconds
--= nil	Invalid: cancel requires a destination argument
--= nil	NotFound: could not resolve 'nobody' as PID or registered name
--= nil	NotFound: pid not registered
--= waits	pid.exit	Timeout	cancel deadline exceeded
--= spins	pid.exit	Timeout	cancel deadline exceeded
--= spins_in_pcall	pid.exit	Timeout	cancel deadline exceeded
--= ready
--= pid.cancel	nil	string
--= pid.exit	seen
local time = require("time")
local events = process.events()
local me = process.pid()
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
for _, d in { "50s", "1h30m", "100000ms", 1, 150000.9, 0, "0s" } do
    if d ~= 0 and d ~= "0s" and d ~= 1 then
        print(d, process.cancel(me, d))
        local e = events:receive()
        print(e.kind, e.from == me, string.match(e.deadline, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z$") ~= nil, e.result, e.error)
    end
end
print(process.cancel(me))
local e = events:receive()
print(e.kind, e.deadline, e.reason, type(e.at))
for _, d in { "", "5", "x", "5 s", "-5s", -1, -0.5, 0 / 0, 1 / 0, "1e400h", true, {} } do
    print(tostring(d) == "nan" and "NaN" or type(d) == "table" and "table" or d, err(process.cancel("{app:processes|0xfffff}", d)))
end
print(err(process.cancel()))
print(err(process.cancel("nobody")))
print(err(process.cancel("{app:processes|0xfffff}")))
-- enforced
for _, act in { "waits", "spins", "spins_in_pcall" } do
    local pid = process.spawn_monitored("app:child_acts", "app:processes", act)
    process.cancel(pid, "10m")
    process.cancel(pid, 5)
    process.cancel(pid, "10m")
    e = events:receive()
    print(act, e.kind, e.error:kind(), e.error:message())
end
-- a polite one
local pid = process.spawn_monitored("app:child_acts", "app:processes", "reports_events", me, 1)
local inbox = process.inbox()
print(inbox:receive().topic)
process.cancel(pid, "10m")
local p = inbox:receive().payload
print(p[1], p[2], type(p[3]))
e = events:receive()
print(e.kind, e.result)
time.sleep("1ms")
-- one's own
process.cancel(me, 1)
time.sleep("10m")
