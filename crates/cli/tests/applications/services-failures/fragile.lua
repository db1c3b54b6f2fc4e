local security = require("security")

local function main(name, number, table_)
    assert(process.registry.register(name))
    local ways, questions = process.listen("fail"), process.listen("question")
    while true do
        local result = channel.select({ ways:case_receive(), questions:case_receive() })
        if result.channel == ways then
            local way = result.value
            if way == "text" then error("boom") end
            if way == "result" then return nil, "said no" end
            -- Made by the runtime, which says of most errors that trying again is of no use.
            if way == "runtime" then error(select(2, process.monitor("{app:processes|0x0ffff}"))) end
            if way == "final" then error(errors.new({ message = "for good", retryable = false })) end
            if way == "again" then error(errors.new({ message = "not now", retryable = true })) end
            return "done"
        end
        local actor = security.actor()
        local _, err = process.spawn("app:shy_process", "app:processes")
        process.send(result.value, "answer", {
            number, table_ and #table_.list, table_ and table_.flag,
            actor and actor:id(), actor and actor:meta().team, tostring(err),
        })
    end
end

return { main = main }
