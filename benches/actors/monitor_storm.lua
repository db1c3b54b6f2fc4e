local WATCHERS, TIMES = 10000, 20

local function main()
    local ready, down = process.listen("ready"), process.listen("down")
    local times = {}
    for round = 1, TIMES do
        local target = assert(process.spawn("actors:idle", "actors:processes", process.pid()))
        ready:receive()
        for _ = 1, WATCHERS do
            assert(process.spawn("actors:watcher", "actors:processes", process.pid(), target))
        end
        for _ = 1, WATCHERS do ready:receive() end
        times[round] = report.time(function()
            process.terminate(target)
            for _ = 1, WATCHERS do down:receive() end
        end)
    end
    table.sort(times)
    report.line("monitor_storm", nil, times[TIMES // 2] * 1000, "ms")
end

return { main = main }
