local function main()
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        if message.topic == "stop" then return end
        process.send(message.from, "reply", message.payload)
    end
end

return { main = main }
