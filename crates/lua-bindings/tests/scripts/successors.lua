--= nothing	120
-- Processes that come after others find nothing of theirs, however those have ended.
local events = process.events()
local found = {}
for round = 1, 20 do
    for _, way in { "returns", "fails", "is ended", "waits deeply", "shares", "upgrades" } do
        local pid = assert(process.spawn_monitored("app:child_leaves_things", "app:processes", way))
        if way == "is ended" or way == "waits deeply" or way == "shares" then
            process.send(pid, "ready?", process.pid())
            process.listen("ready"):receive()
            process.terminate(pid)
        end
        events:receive()
        process.spawn_monitored("app:child_looks_for_things", "app:processes")
        local event = events:receive()
        local what = tostring(event.result.value or event.result.error)
        found[what] = (found[what] or 0) + 1
    end
end
for what, count in found do print(what, count) end
