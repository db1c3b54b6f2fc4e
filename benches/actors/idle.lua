local function main(parent)
    process.send(parent, "ready")
    process.inbox():receive()
end

return { main = main }
