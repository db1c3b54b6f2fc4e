local COUNT = 200000

local function main(variant)
    variant = report.variant(variant, "seq", "batch")
    local events = process.events()
    local seconds = report.time(function()
        if variant == "seq" then
            for _ = 1, COUNT do
                process.spawn_monitored("actors:nothing", "actors:processes")
                events:receive()
            end
        else
            for _ = 1, COUNT do process.spawn_monitored("actors:nothing", "actors:processes") end
            for _ = 1, COUNT do events:receive() end
        end
    end)
    report.line("spawn_exit", variant, COUNT / seconds, "proc/s")
end

return { main = main }
