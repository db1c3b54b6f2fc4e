--= Inbox got:	other	text
process.send(process.pid(), "specific_topic", 1)
process.send(process.pid(), "other", "text")

local function main()
    local inbox_ch = process.inbox()
    local specific_ch = process.listen("specific_topic")

    while true do
        local result = channel.select({
            specific_ch:case_receive(),
            inbox_ch:case_receive()
        })

        if result.channel == specific_ch then
            -- Messages to "specific_topic" arrive here
            local payload = result.value
        elseif result.channel == inbox_ch then
            -- Messages to any OTHER topic arrive here
            local msg = result.value
            print("Inbox got:", msg.topic, msg.payload)
        end
    end
end

-- Runs until there is nothing left to receive; then the script goes on, and ends.
coroutine.spawn(main)
