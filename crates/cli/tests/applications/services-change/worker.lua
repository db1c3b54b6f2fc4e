local function main(word)
    if not word then error("no word") end
    local events = process.events()
    process.send("main", "word", word)
    local event = events:receive()
    process.send("main", "word", word .. ": " .. event.reason .. ", " .. type(event.deadline))
end

return { main = main }
