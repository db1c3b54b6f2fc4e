local SENDERS, EACH = 100, 10000

local function main()
    local receiver = assert(process.spawn("actors:receiver", "actors:processes", process.pid(), SENDERS * EACH))
    local senders = {}
    for number = 1, SENDERS do
        senders[number] = assert(process.spawn("actors:sender", "actors:processes", receiver, EACH))
    end
    local done = process.listen("done")
    local seconds = report.time(function()
        for _, sender in senders do process.send(sender, "go") end
        done:receive()
    end)
    report.line("fan_in", nil, SENDERS * EACH / seconds, "msg/s")
end

return { main = main }
