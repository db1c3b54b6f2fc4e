local function main()
    local peer = process.inbox():receive():payload()
    local pings = process.listen("ping")
    while true do
        process.send(peer, "pong", (pings:receive()))
    end
end

return { main = main }
