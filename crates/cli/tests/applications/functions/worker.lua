local function main(act)
    if act ~= "wait" then return process.id() end
    local event = process.events():receive()
    process.send(event.from, "worker saw", event.kind)
    return "cancelled"
end

return { main = main }
