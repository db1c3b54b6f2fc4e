-- An inbox beside a listener: perilune run examples/inbox

local function main()
    local inbox_ch = process.inbox()
    local specific_ch = process.listen("specific_topic")

    local sender, err = process.spawn("app.test.process:sender", "app:processes", process.pid())
    if err then
        return false, "spawn failed: " .. err
    end

    while true do
        -- Waits until one of the channels has something.
        local result = channel.select({
            specific_ch:case_receive(),
            inbox_ch:case_receive()
        })

        if result.channel == specific_ch then
            -- Messages to "specific_topic" arrive here, as payloads
            local payload = result.value
            print("Listener got:", payload)
        elseif result.channel == inbox_ch then
            -- Messages to any OTHER topic arrive here, as whole messages
            local msg = result.value
            if msg:topic() == "done" then
                return true
            end
            print("Inbox got:", msg:topic(), msg:payload())
        end

        process.send(sender, "next")
    end
end

return { main = main }
