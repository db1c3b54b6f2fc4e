local function main(name)
    local events = process.events()
    process.send("recorder", "note", name .. " up")
    local event = events:receive()
    process.send("recorder", "note", name .. " down: " .. tostring(event.reason))
end

return { main = main }
