--= after	userdata	true	true
--= closed	false	nil	false
--= order	a	b	c	d
--= select	quick	true
--= timer	true	true	true
--= timer closed	nil	false
--= late stop	false	false
--= stopped	true	false
--= silent	true
--= reset	true	true	true
--= reset stopped	false	true
--= fired once	false	nil	false
--= same channel	true	true
--= ticks	1	true
--= ticks	2	true
--= ticks	3	true
--= ticker	true	false	true
--= buffer	16
--= sleep	true	true	true
--= turn	one	two	three	four	five
--= units	true
--= garbage	ok
--= text	time.Timer	time.Ticker
local time = require("time")
local channel = require("channel")

local function passed(start)
    return time.now():sub(start):milliseconds()
end

-- One value, then nothing
local start = time.now()
local once = time.after("2ms")
local due, ok = once:receive()
print("after", type(due), ok, due:sub(start):milliseconds() >= 2 and passed(start) >= 2)
print("closed", select(2, once:receive()), once:receive())

-- What is due first comes first.
local results = channel.new(4)
for _, timed in { { "a", "1ms" }, { "b", "3ms" }, { "c", "3ms" }, { "d", "10ms" } } do
    coroutine.spawn(function()
        time.after(timed[2]):receive()
        results:send(timed[1])
    end)
end
print("order", (results:receive()), (results:receive()), (results:receive()), (results:receive()))

local quick, slow = time.after("1ms"), time.after("1h")
local chosen = channel.select({ slow:case_receive(), quick:case_receive() })
print("select", chosen.channel == quick and "quick" or "slow", chosen.ok)

-- Timers
start = time.now()
local timer = time.timer(2 * time.MILLISECOND)
due, ok = timer:response():receive()
print("timer", ok, due:sub(start):nanoseconds() >= 2e6, passed(start) >= 2)
print("timer closed", timer:channel():receive())
print("late stop", timer:stop(), timer:stop())

timer = time.timer("1h")
print("stopped", timer:stop(), timer:stop())

-- A busy machine may be too late to stop it; then it delivers.
timer = time.timer("2ms")
local in_time = timer:stop()
time.sleep("5ms")
local result = channel.select({ timer:channel():case_receive(), default = true })
print("silent", in_time == (result.default == true))

start = time.now()
timer = time.timer("1h")
local pending = timer:reset("3ms")
due, ok = timer:channel():receive()
print("reset", pending, ok, due:sub(start):milliseconds() >= 3)
timer = time.timer("1h")
timer:stop()
pending = timer:reset(time.parse_duration("1ms"))
print("reset stopped", pending, select(2, timer:channel():receive()))
print("fired once", timer:reset("1ms"), timer:channel():receive())
timer = time.timer("1h")
print("same channel", timer:response() == timer:channel(), timer:stop())

-- Tickers
start = time.now()
local ticker = time.ticker("2ms")
for number = 1, 3 do
    local tick = ticker:response():receive()
    print("ticks", number, tick:sub(start):milliseconds() >= 2 * number)
end
local ticks = ticker:channel()
local stopped = ticker:stop()
repeat
    local _, open = ticks:receive()
until not open
print("ticker", stopped, select(2, ticks:receive()), ticker:response() == ticks)

-- Ticks that nobody receives do not pile up.
ticker = time.ticker("1ms")
for _ = 1, 20 do
    time.sleep("2ms")
end
ticker:stop()
local count = 0
while select(2, ticker:channel():receive()) do
    count += 1
end
print("buffer", count)

-- Sleeping
start = time.now()
time.sleep("2ms")
local first = passed(start) >= 2
time.sleep(1000000)
print("sleep", first, passed(start) >= 3, (pcall(time.sleep, time.parse_duration("1ms"))))
local turns = {}
coroutine.spawn(function()
    table.insert(turns, "one")
    time.sleep(0)
    table.insert(turns, "three")
    time.sleep(-5)
    table.insert(turns, "five")
end)
table.insert(turns, "two")
time.sleep("-1h")
table.insert(turns, "four")
time.sleep("0")
print("turn", table.unpack(turns))
print("units", time.after(1e5):receive() < time.now():add("1h"))

-- A channel delivers even if its timer was let go.
local kept = time.timer("5ms"):channel()
local garbage = {}
for index = 1, 20000 do
    garbage[index % 100] = { index }
end
print("garbage", select(2, kept:receive()) and "ok")
print("text", time.timer("1h"), time.ticker("1h"))
