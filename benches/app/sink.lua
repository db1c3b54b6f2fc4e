local function main()
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        if message:topic() == "call" then
            process.send(message:payload(), "reply")
        end
    end
end

return { main = main }
