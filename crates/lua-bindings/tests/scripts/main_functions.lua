--= child_stands_alone	true
--= child_counts_itself	2
--= child_looks_at_load	true
--= child_writes_at_load	1
--= child_returns_a_library_function	LEAVES
--= child_throws_at_load	nil	child_throws_at_load.lua:2: attempt to index nil with 'field'
-- Each process has main function, locals and globals of its own, whether or not its chunk had to run for that.
local events = process.events()
for _, name in {
    "child_stands_alone",
    "child_counts_itself",
    "child_looks_at_load",
    "child_writes_at_load",
    "child_returns_a_library_function",
    "child_throws_at_load",
} do
    local seen
    for round = 1, 20 do
        local pid, err = process.spawn_monitored("app:" .. name, "app:processes", "leaves")
        local result
        if pid then
            result = tostring(events:receive().result.value)
        else
            result = "nil\t" .. tostring(err)
        end
        if name == "child_stands_alone" then
            -- What it leaves is its own; what it finds is nothing.
            assert(result == "false", result)
            -- Several times on one thread, and others in between.
            for _, other in { "", "", "", "_too", "", "_too", "_too", "_too", "" } do
                process.spawn_monitored("app:" .. name .. other, "app:processes")
                result = tostring(events:receive().result.value)
                assert(result == (if other == "" then "true" else "too app:child_stands_alone_too"), result)
            end
        end
        assert(seen == nil or seen == result, result)
        seen = result
    end
    print(name, seen)
end
