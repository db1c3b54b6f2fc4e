local NAMES, EACH = 1000, 1000

local function main()
    local me, names = process.pid(), {}
    for number = 1, NAMES do
        names[number] = "svc_" .. number
        local pid = assert(process.spawn("actors:receiver", "actors:processes", me, EACH))
        assert(process.registry.register(names[number], pid))
    end
    local done = process.listen("done")
    local seconds = report.time(function()
        for number = 1, NAMES * EACH do process.send(names[number % NAMES + 1], "msg", number) end
        for _ = 1, NAMES do done:receive() end
    end)
    report.line("named_send", nil, NAMES * EACH / seconds, "send/s")
end

return { main = main }
