local LEAVES = 1000000

local function main()
    local sums = process.listen("sum")
    local seconds = report.time(function()
        process.spawn("actors:node", "actors:processes", process.pid(), 0, LEAVES)
        assert(sums:receive() == LEAVES * (LEAVES - 1) / 2)
    end)
    report.line("skynet", nil, seconds, "s")
end

return { main = main }
