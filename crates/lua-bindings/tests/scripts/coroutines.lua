--= false	cannot resume normal coroutine
--= false	cannot close normal coroutine
--= in 1 nil, out thread normal, after
--= dead	false	cannot resume dead coroutine
--= false	false	bad argument #1 to 'spawn' (function expected, got number)
--= 1, 2, 3, 4, 5
--= a 1 0, b 1 0, main 1 0, a 2 0, b 2 0, main 2 0, a 3 0, b 3 0, main 3 0
--= true	1	nil	3
--= false	table
--= false	x
--= 2
--= true	2
--= true	got	two
--= true	true	more
--= false	cannot resume dead coroutine
--= 1, 2, 3
--= 1 1, 1 2, 2 1, 2 2
--= 1, 2, 3
--= false	in wrap
--= false	cannot resume dead coroutine
--= running	normal	false	cannot resume normal coroutine
--= false	cannot close normal coroutine
--= true	false	cannot resume normal coroutine
--= resumed true	dead
--= false	cannot resume running coroutine
--= false	cannot close running coroutine
--= true	running
--= true	false	cannot resume normal coroutine
--= 1	false	string	attempt to yield across metamethod/C-call boundary
--= 2	false	string	attempt to yield across metamethod/C-call boundary
--= 3	false	string	attempt to yield across metamethod/C-call boundary
--= 4	false	string	attempt to yield across metamethod/C-call boundary
--= 5	false	string	attempt to yield across metamethod/C-call boundary
--= 6	false	string	attempt to yield across metamethod/C-call boundary
--= 7	false	string	attempt to yield across metamethod/C-call boundary
--= 8	false	string	attempt to yield across metamethod/C-call boundary
--= 9	false	string	attempt to yield across metamethod/C-call boundary
--= 10	false	string	attempt to yield in a comparison function of table.sort
--= 11	false	string	attempt to yield across metamethod/C-call boundary
--= 12	false	string	attempt to yield across metamethod/C-call boundary
--= 13	false	string	attempt to yield across metamethod/C-call boundary
--= 14	false	string	attempt to yield across metamethod/C-call boundary
--= 15	false	string	attempt to yield across metamethod/C-call boundary
--= hello	called
--= normal	false	cannot resume normal coroutine
--= hello	0	normal	false	false	cannot close normal coroutine
--= last, later hello 1 2
--= 1
--= 2 main
--= 2000
--= error: fatal
local time = require("time")
local log = {}
local function say(...) table.insert(log, table.concat({ ... }, " ")) end
local function flush() print(table.concat(log, ", ")) table.clear(log) end
-- spawn runs first
local thread = coroutine.spawn(function(a, b) say("in", a, tostring(b)) time.sleep("1ms") say("after") return 1 end, 1, nil)
say("out", type(thread), coroutine.status(thread))
print(coroutine.resume(thread))
print(pcall(coroutine.close, thread))
time.sleep("3ms")
flush()
print(coroutine.status(thread), coroutine.resume(thread))
print(pcall(coroutine.spawn), pcall(coroutine.spawn, 1))
coroutine.spawn(function() say(1) coroutine.spawn(function() say(2) coroutine.spawn(say, 3) say(4) end) say(5) end)
flush()
-- a turn
for _, name in { "a", "b" } do coroutine.spawn(function() for i = 1, 3 do say(name, i, select("#", coroutine.yield())) end end) end
for i = 1, 3 do say("main", i, select("#", coroutine.yield(1, 2))) end
flush()
-- waiting in all places
local function wait(...) time.sleep("1ms") return ... end
print(pcall(wait, 1, nil, 3))
print(xpcall(function() wait() error({ 1 }) end, function(e) return type(e) end))
print(pcall(function() wait() error("x", 0) end))
print(select("#", wait(nil, nil)))
local co = coroutine.create(function(...)
    local n = select("#", ...)
    local got = coroutine.yield(wait(n))
    wait()
    local more = coroutine.yield(got, wait("two"))
    return pcall(wait, more)
end)
print(coroutine.resume(co, 1, nil))
print(coroutine.resume(co, "got"))
print(coroutine.resume(co, "more"))
print(coroutine.resume(co))
local function gen(n) return coroutine.wrap(function() for i = 1, n do wait() coroutine.yield(i) wait() end end) end
for i in gen(3) do wait() say(i) end
flush()
local outer = coroutine.wrap(function()
    for i in gen(2) do
        for j in gen(2) do coroutine.yield(wait(i), j) end
    end
end)
for i, j in outer do say(i, j) end
flush()
for i in function(_, i) if i < 3 then return wait(i + 1) end end, nil, 0 do say(i) end
flush()
local w = coroutine.wrap(function() wait() error("in wrap", 0) end)
print(pcall(w))
print(pcall(w))
-- a waiting one
local inner
local status = channel.new(1)
co = coroutine.create(function() status:send(coroutine.status(co)) inner = channel.new() return inner:receive() end)
coroutine.spawn(function() say("resumed", tostring(coroutine.resume(co))) end)
print(status:receive(), coroutine.status(co), coroutine.resume(co))
print(pcall(coroutine.close, co))
print(pcall(coroutine.wrap(function() return coroutine.resume(co) end)))
inner:send("value")
time.sleep("1ms")
print(log[1], coroutine.status(co))
table.clear(log)
-- oneself
print(coroutine.resume(coroutine.running()))
print(pcall(coroutine.close, coroutine.running()))
print(coroutine.isyieldable(), coroutine.status(coroutine.running()))
local me = coroutine.wrap(function(self) return coroutine.resume(self) end)
print(pcall(me, coroutine.running()))
-- where nothing can wait
local t = setmetatable({}, {
    __index = function() return wait(1) end,
    __add = function() return wait(2) end,
    __tostring = function() return wait("x") end,
    __eq = function() return wait(true) end,
    __lt = function() return wait(true) end,
    __concat = function() return wait("x") end,
    __len = function() return wait(1) end,
    __newindex = function() wait() end,
})
local u = setmetatable({}, getmetatable(t))
for i, f in {
    function() return t.x end, function() return t + 1 end, function() return tostring(t) end, function() return t == u end,
    function() return t < u end, function() return t .. "x" end, function() return #t end, function() t.x = 1 end,
    function() print(t) end, function() table.sort({ 1, 2 }, function() return wait(true) end) end,
    function() string.gsub("x", "x", function() return wait("y") end) end,
    function() return t.x end,
    function() t = setmetatable({}, { __index = function() return process.inbox():receive() end }) return t.x end,
    function() t = setmetatable({}, { __index = function() return channel.select({ process.inbox():case_receive() }) end }) return t.x end,
    function() t = setmetatable({}, { __index = function() return channel.new():send(1) end }) return t.x end,
} do
    local ok, e = pcall(f)
    print(i, ok, type(e), string.match(tostring(e), "attempt to yield.*"))
end
-- what does not wait works there
local q = channel.new(1)
t = setmetatable({}, { __index = function(_, k) q:send(k) return (q:receive()) end, __call = function(_, v) return wait(v) end })
print(t.hello, t("called"))
t = setmetatable({}, { __index = function(_, k) coroutine.spawn(function() say("later", k) end) return k end })
local later = coroutine.spawn(function() coroutine.yield() say("last") end)
print(coroutine.status(later), coroutine.resume(later, "forged"))
t = setmetatable({}, { __index = function(_, k) later = coroutine.spawn(function(...) say("later", k, ...) end, 1, 2) return k end })
print(t.hello, #log, coroutine.status(later), coroutine.resume(later), pcall(coroutine.close, later))
coroutine.yield()
flush()
-- abandoned while waiting
do
    local go = coroutine.wrap(function() process.listen("never"):receive() end)
    coroutine.spawn(go)
    local half = coroutine.wrap(function() for i = 1, 10 do time.sleep("1ms") coroutine.yield(i) end end)
    print(half())
end
-- at load
process.spawn_monitored("app:child_spawns_at_load", "app:processes")
print(process.events():receive().result)
-- many
local count, all = 0, channel.new()
for _ = 1, 2000 do coroutine.spawn(function() all:receive() count += 1 end) end
all:close()
time.sleep("1ms")
print(count)
-- an error in one ends all
coroutine.spawn(function() time.sleep("1ms") error("fatal", 0) end)
time.sleep("10m")
