local funcs = require("funcs")
local registry = require("registry")

-- Calls as fast as it can. What it sees never goes back, and is never half of a change.
local function main()
    local events, last, calls, wrong = process.events(), 0, 0, 0
    while channel.select({ events:case_receive(), default = true }).default do
        local before = registry.current_version():id()
        local got = funcs.call("app:get")
        if got.number ~= got.same or got.number < last or got.number < before then
            wrong = wrong + 1
        end
        last, calls = got.number, calls + 1
    end
    return { wrong = wrong, worked = calls > 0, last = funcs.call("app:get").number }
end

return { main = main }
