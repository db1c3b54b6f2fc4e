-- One path of a message's or process's life, so that the instructions of `count` operations can be counted.
local MOST = 10000

local acts = {}

function acts.send(count)
    local me = process.pid()
    for i = 1, count do
        assert(process.send(me, "number", i))
    end
end

-- As many wait whatever the count, so that only receiving differs.
function acts.receive(count)
    acts.send(MOST)
    local numbers = process.listen("number")
    for i = 1, count do
        assert(numbers:receive() == i)
    end
end

-- Each has run until it waits: the last one is in the run queue behind all others.
function acts.spawn(count)
    local replies = process.listen("reply")
    for _ = 1, count do
        assert(process.spawn("bench:idle", "bench:processes"))
    end
    local last = assert(process.spawn("bench:echo", "bench:processes"))
    process.send(last, "call", true)
    replies:receive()
end

function acts.exit(count)
    local events = process.events()
    local members = {}
    for i = 1, MOST do
        members[i] = assert(process.spawn_monitored("bench:idle", "bench:processes"))
    end
    for i = 1, count do
        process.send(members[i], "end")
        assert(events:receive().from == members[i])
    end
end

local function main(count, act)
    local start = time.now()
    acts[act](tonumber(count))
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
