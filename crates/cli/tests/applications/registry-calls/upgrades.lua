local function main(parent, step)
    process.send(parent, "state", "first")
    process.listen("go"):receive()
    process.upgrade(nil, parent)
end

return { main = main }
