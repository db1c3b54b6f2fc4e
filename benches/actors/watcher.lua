local function main(parent, target)
    local events = process.events()
    process.monitor(target)
    process.send(parent, "ready")
    events:receive()
    process.send(parent, "down")
end

return { main = main }
