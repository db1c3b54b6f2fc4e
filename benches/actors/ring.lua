local SIZE, LAPS = 1000, 1000

local function main()
    local me = process.pid()
    local first = assert(process.spawn("actors:hop", "actors:processes", me))
    local last = first
    for _ = 2, SIZE do
        last = assert(process.spawn("actors:hop", "actors:processes", me, last))
    end
    process.send(first, "next", last)
    local done = process.listen("done")
    local seconds = report.time(function()
        process.send(first, "hop", SIZE * LAPS)
        done:receive()
    end)
    report.line("ring", nil, SIZE * LAPS / seconds, "hop/s")
end

return { main = main }
