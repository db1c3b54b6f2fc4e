local function main(parent)
    local value = process.listen("put"):receive()
    process.send(parent, "stored", value)
end

return { main = main }
