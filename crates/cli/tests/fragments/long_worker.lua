return {
    main = function()
        return process.events():receive()
    end,
}
