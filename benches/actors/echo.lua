local function main()
    local pings = process.listen("ping", { message = true })
    while true do
        local message = pings:receive()
        process.send(message:from(), "pong", message:payload())
    end
end

return { main = main }
