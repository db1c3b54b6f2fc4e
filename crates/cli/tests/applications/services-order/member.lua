local name = process.id():match(":(.*)_process$")

-- Others start when this is done, and not only when main has run.
process.send("recorder", "note", name .. " up")

local function main()
    local event = process.events():receive()
    process.send("recorder", "note", name .. " down: " .. tostring(event.reason))
end

return { main = main }
