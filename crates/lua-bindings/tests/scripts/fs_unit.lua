--= return	nil	0
--= raise	child_opens.lua:24: raised	0
--= fail	failed	0
--= 10
--= read	process terminated	0
--= upgraded	0
--= terminated while opening	0
--= 2	text	true	text
--= 0
local fs = require("fs")
local time = require("time")
local vol = fs.get("app:data")
local function opened()
    return vol:stat("opened").size
end
vol:writefile("never", "")
vol:writefile("a", "text")

-- However a process ends, its streams are closed before anybody learns of it
local events = process.events()
for _, how in { "return", "raise", "fail", "read" } do
    local pid = process.spawn_monitored("app:child_opens", "app:processes", how, process.pid())
    if how == "read" then
        process.inbox():receive()
        print(opened())
        process.terminate(pid)
    end
    local event = events:receive()
    print(how, event.result.error, opened())
end

-- One that becomes something else keeps nothing of what it was
local upgraded = process.spawn("app:child_opens", "app:processes", "upgrade", process.pid())
print(process.inbox():receive():topic(), opened())
process.terminate(upgraded)

-- A process that ends while a stream is being opened leaves none
for i = 1, 100 do
    local pid = process.spawn_monitored("app:child_opens", "app:processes", "open", process.pid())
    process.inbox():receive()
    process.terminate(pid)
    events:receive()
end
-- Answered in order: when this one is, those before were.
vol:stat("opened")
while opened() > 0 do
    time.sleep("1ms")
end
print("terminated while opening", opened())

-- Forgotten streams are closed by the collector, and only those
local kept, scanner = vol:open("a"), vol:open("a"):scanner()
for _ = 1, 1000 do
    vol:open("a"):scanner("words")
end
local garbage
while opened() > 2 do
    for i = 1, 1000 do
        garbage = { i, tostring(i) }
    end
end
print(opened(), kept:read(), scanner:scan(), scanner:text())
kept:close()
scanner = nil

-- Many times, closed by hand
for _ = 1, 2000 do
    local stream = vol:open("a")
    stream:read()
    stream:close()
    stream:close()
end
while opened() > 0 do
    garbage = { {}, {} }
end
print(opened())
